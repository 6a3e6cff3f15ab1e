#include "server/core/report_lists.hpp"

#include "pipelines/reports/test_collector.hpp"

#include <fmt/format.h>

namespace sluice::core {

namespace {

constexpr std::size_t k_kept_items = 400'000;

bool is_bad(model::TestState state) {
    return state == model::TestState::failed || state == model::TestState::errored;
}

/// A test that ran again: the last result counts, the first failure is what people want to read.
void take_again(model::TestCase& into, const model::TestCase& again) {
    into.attempts = again.attempts;
    into.duration_ms += again.duration_ms;
    if (again.state == model::TestState::passed) into.flaky = is_bad(into.state);
    into.state = again.state;
}

void take(TestList& list, model::TestCase&& test) {
    const std::uint64_t key = reports::test_key(test);
    const auto found = list.by_name.find(key);
    if (found != list.by_name.end() && test.attempts > 1 && !test.flaky)
        return take_again(list.tests[found->second], test);
    // Two tests of one name both stay; the first is what a comparison finds.
    list.by_name.emplace(key, list.tests.size());
    list.tests.push_back(std::move(test));
}

}  // namespace

const model::TestCase* TestList::find(const model::TestCase& test) const {
    const auto found = by_name.find(reports::test_key(test));
    return found == by_name.end() ? nullptr : &tests[found->second];
}

template <class List, class Load>
Result<std::shared_ptr<const List>> ReportLists::cached(const std::string& name,
                                                        const std::vector<AttemptId>& attempts,
                                                        Load load) {
    std::string key = name;
    for (const AttemptId attempt : attempts) key += fmt::format(" {}", attempt.value);
    {
        const std::lock_guard lock(mutex_);
        for (auto at = kept_.begin(); at != kept_.end(); ++at) {
            if (at->key != key) continue;
            kept_.splice(kept_.begin(), kept_, at);
            return std::static_pointer_cast<const List>(kept_.front().list);
        }
    }
    auto list = std::make_shared<List>();
    std::size_t size = 0;
    SLUICE_CHECK(store_.each(attempts, name, [&](json::Value&& item) {
        ++size;
        load(*list, item);
    }));
    const std::lock_guard lock(mutex_);
    kept_.push_front({std::move(key), list, size});
    std::size_t sum = 0;
    for (auto at = kept_.begin(); at != kept_.end();) {
        sum += at->size + 1000;  // many small ones count, too
        at = at != kept_.begin() && sum > k_kept_items ? kept_.erase(at) : std::next(at);
    }
    return std::shared_ptr<const List>(std::move(list));
}

Result<std::shared_ptr<const TestList>> ReportLists::tests(const std::vector<AttemptId>& attempts) {
    return cached<TestList>("tests", attempts, [](TestList& list, const json::Value& item) {
        if (auto test = model::test_case_from_json(item, "")) take(list, std::move(*test));
    });
}

Result<std::shared_ptr<const std::vector<model::Finding>>> ReportLists::findings(
    const std::vector<AttemptId>& attempts) {
    using List = std::vector<model::Finding>;
    return cached<List>("findings", attempts, [](List& list, const json::Value& item) {
        if (auto finding = model::finding_from_json(item, "")) list.push_back(std::move(*finding));
    });
}

Result<std::shared_ptr<const reports::JoinedCoverage>> ReportLists::coverage(
    const std::vector<AttemptId>& attempts) {
    using List = reports::JoinedCoverage;
    return cached<List>("coverage", attempts, [](List& list, const json::Value& item) {
        if (auto file = reports::file_coverage_from_json(item)) list.add(std::move(*file));
    });
}

}  // namespace sluice::core
