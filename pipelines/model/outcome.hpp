#pragma once
/// How an attempt ended, as data; reported by the runner (or by salvage), never guessed from logs.
/// Pure values.

#include "pipelines/base/json.hpp"
#include "pipelines/model/job_state.hpp"
#include "pipelines/model/reports.hpp"

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

json::Value to_json(const Outcome& outcome);
json::Value to_json(const StepStatus& step);
Result<Outcome> outcome_from_json(const json::Value& value, std::string pointer);
Result<StepStatus> step_status_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::StepState, "pending", "running", "passed", "warned", "failed", "errored",
                  "cancelled", "skipped");
}  // namespace sluice
