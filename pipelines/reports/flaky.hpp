#pragma once
/// Which tests can't be relied on, by what they did over many runs. Pure, any thread.

#include "pipelines/model/reports.hpp"

#include <string>
#include <vector>

namespace sluice::reports {

/// One result of one test. Runs in order of time.
struct TestRun {
    std::string test;    ///< suite and name
    std::string commit;  ///< the same code
    model::TestState state = model::TestState::passed;
};

struct FlakyTest {
    std::string test;
    int runs = 0;  ///< passed or failed; skipped ones say nothing
    int failures = 0;
    int flaky_commits = 0;  ///< commits on which it both failed and passed
    int commits = 0;        ///< commits on which it ran
    /// 0 to 1: the share of its commits on which it gave both answers.
    double rate = 0;
    bool operator==(const FlakyTest&) const = default;
};

/// Tests that both failed and passed on one commit, worst rate first, then by name. A test that
/// fails on one commit and passes on the next was broken and mended: that alone isn't flaky.
std::vector<FlakyTest> flaky_tests(const std::vector<TestRun>& history);

}  // namespace sluice::reports
