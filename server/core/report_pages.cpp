/// Filters, orders and pages of full reports.
#include "pipelines/base/text.hpp"
#include "server/core/report_lists.hpp"

#include <algorithm>
#include <tuple>

namespace sluice::core {

namespace {

using model::TestCase;
using model::TestState;

constexpr std::size_t k_names = 200;
/// Less is noise of the machine.
constexpr std::int64_t k_slower_ms = 100;

bool is_bad(TestState state) {
    return state == TestState::failed || state == TestState::errored;
}

bool is_slower(const TestCase& test, const TestCase* before) {
    return before != nullptr && test.state == TestState::passed &&
           before->state == TestState::passed && test.duration_ms >= before->duration_ms * 3 / 2 &&
           test.duration_ms - before->duration_ms >= k_slower_ms;
}

bool is_new_failure(const TestCase& test, const TestCase* before) {
    return is_bad(test.state) && (before == nullptr || !is_bad(before->state));
}

/// Letters of ASCII only: names of tests and files hold few others.
std::string folded(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool holds(std::initializer_list<const std::string*> texts, const std::string& needle) {
    return needle.empty() || std::any_of(texts.begin(), texts.end(), [&](const std::string* text) {
               return folded(*text).find(needle) != std::string::npos;
           });
}

bool matches(const TestCase& test, const TestCase* before, bool has_base,
             const std::set<std::string>& states) {
    if (states.empty()) return true;
    const auto wanted = [&](const char* state) { return states.contains(state); };
    if (is_bad(test.state) && wanted("failed")) return true;
    if (test.flaky && wanted("flaky")) return true;
    if (test.state == TestState::passed && wanted("passed")) return true;
    if (test.state == TestState::skipped && wanted("skipped")) return true;
    if (has_base && is_new_failure(test, before) && wanted("new")) return true;
    return is_slower(test, before) && wanted("slower");
}

int rank(const TestCase& test) {
    if (is_bad(test.state)) return 0;
    if (test.flaky) return 1;
    return test.state == TestState::passed ? 2 : 3;
}

/// Sorts `order` and cuts the page out of it.
template <class Less>
std::vector<std::size_t> cut(std::vector<std::size_t> order, Less less, bool sorts,
                             std::int64_t offset, std::int64_t limit) {
    if (sorts) std::stable_sort(order.begin(), order.end(), less);
    const auto size = static_cast<std::int64_t>(order.size());
    const auto from = std::min(offset, size);
    const auto to = std::min(from + limit, size);
    return {order.begin() + from, order.begin() + to};
}

json::Object name_of(const TestCase& test) {
    return json::Object{{"suite", test.suite}, {"name", test.name}};
}

}  // namespace

ListPage page_of(const TestList& list, const TestList* base, const TestQuery& query) {
    using Sort = TestQuery::Sort;
    const std::string needle = folded(query.text);
    const auto& tests = list.tests;
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < tests.size(); ++i) {
        const TestCase& test = tests[i];
        const TestCase* before = base == nullptr ? nullptr : base->find(test);
        if (matches(test, before, base != nullptr, query.states) &&
            holds({&test.name, &test.suite, &test.file}, needle))
            found.push_back(i);
    }
    ListPage out;
    out.total = static_cast<std::int64_t>(found.size());
    const auto less = [&](std::size_t a, std::size_t b) {
        const TestCase& left = tests[a];
        const TestCase& right = tests[b];
        if (query.sort == Sort::worst) return rank(left) < rank(right);
        if (query.sort == Sort::slowest) return left.duration_ms > right.duration_ms;
        return std::tie(left.suite, left.name) < std::tie(right.suite, right.name);
    };
    for (const std::size_t i :
         cut(std::move(found), less, query.sort != Sort::as_reported, query.offset, query.limit)) {
        json::Value item = model::to_json(tests[i]);
        const TestCase* before = base == nullptr ? nullptr : base->find(tests[i]);
        json::Object& object = item.as_object();
        if (before != nullptr) {
            object["base_state"] = to_text(before->state);
            object["base_ms"] = before->duration_ms;
        }
        if (base != nullptr) object["new_failure"] = is_new_failure(tests[i], before);
        out.items.push_back(std::move(item));
    }
    return out;
}

ListPage page_of(const std::vector<model::Finding>& list, const FindingQuery& query) {
    using Sort = FindingQuery::Sort;
    const std::string needle = folded(query.text);
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const model::Finding& finding = list[i];
        const std::string state = finding.fixed                   ? "fixed"
                                  : finding.is_new.value_or(true) ? "new"
                                                                  : "existing";
        if (query.states.empty() ? finding.fixed : !query.states.contains(state)) continue;
        if (!query.severities.empty() &&
            !query.severities.contains(std::string(to_text(finding.severity))))
            continue;
        if (!query.tool.empty() && finding.tool != query.tool) continue;
        if (holds({&finding.file, &finding.message, &finding.rule}, needle)) found.push_back(i);
    }
    ListPage out;
    out.total = static_cast<std::int64_t>(found.size());
    const auto less = [&](std::size_t a, std::size_t b) {
        const model::Finding& left = list[a];
        const model::Finding& right = list[b];
        if (query.sort == Sort::worst && left.severity != right.severity)
            return left.severity > right.severity;
        return std::tie(left.file, left.line, left.column) <
               std::tie(right.file, right.line, right.column);
    };
    for (const std::size_t i :
         cut(std::move(found), less, query.sort != Sort::as_reported, query.offset, query.limit))
        out.items.push_back(model::to_json(list[i]));
    return out;
}

namespace {

struct FileCounts {
    const reports::FileCoverage* file = nullptr;
    std::int64_t covered = 0, changed_covered = 0;

    std::int64_t uncovered() const {
        return static_cast<std::int64_t>(file->lines.size()) - covered;
    }
    std::int64_t changed_uncovered() const {
        return static_cast<std::int64_t>(file->changed.size()) - changed_covered;
    }
};

FileCounts count(const reports::FileCoverage& file) {
    FileCounts out{&file};
    for (const reports::LineHits& line : file.lines) {
        if (line.hits == 0) continue;
        ++out.covered;
        out.changed_covered +=
            std::binary_search(file.changed.begin(), file.changed.end(), line.line);
    }
    return out;
}

json::Value summary(const FileCounts& counts) {
    const reports::FileCoverage& file = *counts.file;
    json::Object out{{"file", file.file},
                     {"lines", file.lines.size()},
                     {"covered", counts.covered},
                     {"uncovered", reports::uncovered(file)}};
    if (!file.changes_known) return out;
    out["changed_lines"] = file.changed.size();
    out["changed_covered"] = counts.changed_covered;
    out["changed_uncovered"] = file.changed.empty() ? "" : reports::uncovered(file, file.changed);
    return out;
}

}  // namespace

ListPage page_of(const reports::JoinedCoverage& list, const CoverageQuery& query) {
    const std::string needle = folded(query.text);
    std::vector<FileCounts> files;
    for (const auto& [name, file] : list.files())
        if (holds({&name}, needle)) files.push_back(count(file));
    ListPage out;
    out.total = static_cast<std::int64_t>(files.size());
    std::vector<std::size_t> order(files.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    // What the change left uncovered is what its author can mend.
    const auto less = [&](std::size_t a, std::size_t b) {
        return std::tuple(files[a].changed_uncovered(), files[a].uncovered()) >
               std::tuple(files[b].changed_uncovered(), files[b].uncovered());
    };
    for (const std::size_t i : cut(std::move(order), less, query.sort == CoverageQuery::Sort::worst,
                                   query.offset, query.limit))
        out.items.push_back(query.summary ? summary(files[i]) : reports::to_json(*files[i].file));
    return out;
}

json::Object compare_tests(const TestList& head, const TestList& base) {
    std::int64_t failing = 0, still = 0, fixed = 0, added = 0, gone = 0, slow = 0;
    json::Array failures, mended, slower;
    for (const TestCase& test : head.tests) {
        const TestCase* before = base.find(test);
        added += before == nullptr;
        if (is_new_failure(test, before)) {
            ++failing;
            if (failures.size() < k_names) failures.push_back(name_of(test));
        } else if (is_bad(test.state)) {
            ++still;
        } else if (before != nullptr && is_bad(before->state) && test.state == TestState::passed) {
            ++fixed;
            if (mended.size() < k_names) mended.push_back(name_of(test));
        }
        if (!is_slower(test, before)) continue;
        ++slow;
        json::Object item = name_of(test);
        item["duration_ms"] = test.duration_ms;
        item["base_ms"] = before->duration_ms;
        slower.push_back(std::move(item));
    }
    for (const TestCase& test : base.tests) gone += head.find(test) == nullptr;
    const auto rise = [](const json::Value& item) {
        return item.at("duration_ms").as_int64() - item.at("base_ms").as_int64();
    };
    std::stable_sort(slower.begin(), slower.end(),
                     [&](const auto& a, const auto& b) { return rise(a) > rise(b); });
    while (slower.size() > 10) slower.pop_back();
    return json::Object{{"new_failures", failing},
                        {"still_failing", still},
                        {"fixed", fixed},
                        {"added", added},
                        {"removed", gone},
                        {"slower", slow},
                        {"new_failure_names", std::move(failures)},
                        {"fixed_names", std::move(mended)},
                        {"slower_tests", std::move(slower)}};
}

}  // namespace sluice::core
