#include "pipelines/reports/flaky.hpp"

#include <algorithm>
#include <map>

namespace sluice::reports {

std::vector<FlakyTest> flaky_tests(const std::vector<TestRun>& history) {
    struct Answers {
        bool passed = false, failed = false;
    };
    struct Seen {
        int runs = 0, failures = 0;
        std::map<std::string, Answers> commits;
    };
    std::map<std::string, Seen> tests;
    for (const TestRun& run : history) {
        if (run.state == model::TestState::skipped) continue;
        Seen& seen = tests[run.test];
        Answers& answers = seen.commits[run.commit];
        const bool passed = run.state == model::TestState::passed;
        ++seen.runs;
        seen.failures += !passed;
        (passed ? answers.passed : answers.failed) = true;
    }
    std::vector<FlakyTest> out;
    for (const auto& [test, seen] : tests) {
        FlakyTest flaky{.test = test,
                        .runs = seen.runs,
                        .failures = seen.failures,
                        .commits = static_cast<int>(seen.commits.size())};
        for (const auto& [commit, answers] : seen.commits)
            flaky.flaky_commits += answers.passed && answers.failed;
        if (flaky.flaky_commits == 0) continue;
        flaky.rate = static_cast<double>(flaky.flaky_commits) / flaky.commits;
        out.push_back(std::move(flaky));
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const FlakyTest& a, const FlakyTest& b) { return a.rate > b.rate; });
    return out;
}

}  // namespace sluice::reports
