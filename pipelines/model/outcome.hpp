#pragma once
/// How an attempt ended, as data; reported by the runner (or by salvage), never guessed from logs.
/// Pure values.

#include "pipelines/base/json.hpp"
#include "pipelines/model/job_state.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sluice::model {

struct Outcome {
    AttemptResult result = AttemptResult::errored;
    std::optional<int> exit_code;
    std::optional<int> signal;
    Cause cause = Cause::none;
    std::string message;  ///< one line for people, at most 4 KiB
    bool operator==(const Outcome&) const = default;
};

enum class StepState { pending, running, passed, warned, failed, errored, cancelled, skipped };

/// One step of an attempt as people see it. Offsets are bytes of the attempt's log.
struct StepStatus {
    std::string name;
    StepState state = StepState::pending;
    std::optional<int> exit_code;
    std::int64_t log_begin = 0;
    std::int64_t log_end = 0;
    std::int64_t duration_ms = 0;
    bool operator==(const StepStatus&) const = default;
};

/// Result of one test case of a report.
enum class TestState { passed, failed, errored, skipped };

struct TestCase {
    std::string suite;
    std::string name;
    TestState state = TestState::passed;
    std::int64_t duration_ms = 0;
    std::string message;  ///< first line of the failure
    std::string detail;   ///< the failure text, cut at 16 KiB
    std::string file;     ///< where it failed, "" when the report does not tell
    int line = 0;         ///< 1-based, 0 when unknown
    bool operator==(const TestCase&) const = default;
};

/// Totals of a job's tests, and its failing cases (passed ones are only counted).
struct TestReport {
    int total = 0, passed = 0, failed = 0, errored = 0, skipped = 0;
    std::int64_t duration_ms = 0;
    std::vector<TestCase> failures;  ///< failed and errored, at most 1,000
    bool truncated = false;          ///< more failures than listed
    bool operator==(const TestReport&) const = default;
};

/// The typed reports of a job; absent members were not produced.
struct Reports {
    std::optional<TestReport> tests;
    std::vector<std::string> problems;  ///< "reports.junit: out/junit.xml: no such file"
    bool operator==(const Reports&) const = default;
};

json::Value to_json(const Outcome& outcome);
json::Value to_json(const StepStatus& step);
json::Value to_json(const Reports& reports);
Result<Outcome> outcome_from_json(const json::Value& value, std::string pointer);
Result<StepStatus> step_status_from_json(const json::Value& value, std::string pointer);
Result<Reports> reports_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::StepState, "pending", "running", "passed", "warned", "failed", "errored",
                  "cancelled", "skipped");
SLUICE_ENUM_NAMES(model::TestState, "passed", "failed", "errored", "skipped");
}  // namespace sluice
