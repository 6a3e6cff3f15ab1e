#include "pipelines/reports/test_collector.hpp"

#include "pipelines/reports/hash.hpp"

#include <algorithm>

namespace sluice::reports {
namespace {

using model::TestCase;
using model::TestState;

constexpr std::size_t k_max_failures = 1'000;
constexpr std::size_t k_max_flaky = 100;
constexpr std::size_t k_max_slowest = 10;

bool is_bad(TestState state) {
    return state == TestState::failed || state == TestState::errored;
}

}  // namespace

std::uint64_t test_key(const TestCase& test) {
    return hash64(test.name, hash64(test.suite));
}

void TestCollector::add(TestCase test) {
    report_.duration_ms += test.duration_ms;
    note_slow(test);
    if (reruns_) {
        const std::uint64_t key = test_key(test);
        if (failed_.contains(key)) return rerun(key, std::move(test));
        if (is_bad(test.state)) failed_[key] = {test.state, test.attempts};
    }
    ++report_.total;
    switch (test.state) {
        case TestState::passed: ++report_.passed; break;
        case TestState::skipped: ++report_.skipped; break;
        case TestState::failed: ++report_.failed; break;
        case TestState::errored: ++report_.errored; break;
    }
    if (test.flaky) ++report_.flaky;
    if (test.flaky && report_.flaky_cases.size() < k_max_flaky)
        report_.flaky_cases.push_back(std::move(test));
    else if (is_bad(test.state))
        list(std::move(test));
}

int TestCollector::attempt_of(const TestCase& test) const {
    const auto before = reruns_ ? failed_.find(test_key(test)) : failed_.end();
    return before == failed_.end() ? test.attempts : before->second.attempts + 1;
}

void TestCollector::list(TestCase test) {
    if (report_.failures.size() >= k_max_failures) {
        report_.truncated = true;
        return;
    }
    report_.failures.push_back(std::move(test));
}

void TestCollector::rerun(std::uint64_t key, TestCase test) {
    Failed& before = failed_.at(key);
    ++before.attempts;
    auto listed = std::find_if(report_.failures.begin(), report_.failures.end(),
                               [&](const TestCase& t) { return test_key(t) == key; });
    if (listed != report_.failures.end()) listed->attempts = before.attempts;
    if (test.state != TestState::passed) return;
    --(before.state == TestState::failed ? report_.failed : report_.errored);
    ++report_.passed;
    ++report_.flaky;
    // The first failure is what tells why it is flaky.
    TestCase flaky = listed != report_.failures.end() ? std::move(*listed) : std::move(test);
    if (listed != report_.failures.end()) report_.failures.erase(listed);
    flaky.state = TestState::passed;
    flaky.flaky = true;
    flaky.attempts = before.attempts;
    failed_.erase(key);
    if (report_.flaky_cases.size() < k_max_flaky) report_.flaky_cases.push_back(std::move(flaky));
}

void TestCollector::note_slow(const TestCase& test) {
    auto& slowest = report_.slowest;
    if (test.duration_ms == 0) return;
    if (slowest.size() == k_max_slowest && slowest.back().duration_ms >= test.duration_ms) return;
    const auto slower = std::find_if(slowest.begin(), slowest.end(), [&](const TestCase& other) {
        return other.duration_ms < test.duration_ms;
    });
    TestCase copy = test;
    copy.message.clear();
    copy.detail.clear();
    slowest.insert(slower, std::move(copy));
    if (slowest.size() > k_max_slowest) slowest.pop_back();
}

}  // namespace sluice::reports
