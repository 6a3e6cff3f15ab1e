#pragma once
/// The lifecycle of jobs and attempts (architecture §4): states, the events that move them, and one
/// transition table. `core/lifecycle` is the only caller of next_state; SQL CHECKs mirror the
/// names. Pure, any thread.

#include "pipelines/base/enum_text.hpp"

#include <optional>

namespace sluice::model {

enum class JobState {
    waiting,  ///< for needs, a concurrency slot or a back-off
    held,     ///< for a person: approval, environment policy, fork policy
    ready,    ///< only a fitting agent is missing
    running,  ///< an attempt has started
    passed,
    warned,   ///< failed or errored, but allowed to
    failed,   ///< the user's command or threshold said no
    errored,  ///< the system could not carry it out
    cancelled,
    not_selected,  ///< not needed for this change; green
    blocked,       ///< a need went wrong; satisfies nothing
};

enum class AttemptState { leased, running, unreachable, finished, lost, preempted };

/// What an attempt ended as, before `allow_failure` and thresholds are applied.
enum class AttemptResult { passed, failed, errored, cancelled };

/// Why something ended. Decided by the agent's own evidence, never by log text.
enum class Cause {
    none,
    script,
    timeout,
    cancelled,
    superseded,
    agent_lost,
    runner_lost,
    preempted,
    oom,
    setup,
    image,
    config,
    policy
};

enum class RunState { active, passed, warned, failed, errored, cancelled };

enum class JobEvent {
    needs_met,  ///< waiting → ready
    hold,       ///< waiting → held
    approve,    ///< held → ready
    deselect,   ///< waiting → not_selected
    block,      ///< waiting → blocked
    start,      ///< ready → running
    requeue,    ///< running → ready (retry)
    pass,
    warn,
    fail,
    error,
    cancel,
};

/// The state after `event`, or nothing when the table does not allow it. Terminal states never
/// change.
std::optional<JobState> next_state(JobState from, JobEvent event);

constexpr bool is_terminal(JobState state) {
    return state >= JobState::passed;
}
/// passed, warned, not_selected: what a need may be for `when: success` to hold (reference A6 step
/// 5).
constexpr bool is_ok(JobState state) {
    return state == JobState::passed || state == JobState::warned ||
           state == JobState::not_selected;
}
constexpr bool is_terminal(RunState state) {
    return state != RunState::active;
}

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::JobState, "waiting", "held", "ready", "running", "passed", "warned",
                  "failed", "errored", "cancelled", "not_selected", "blocked");
SLUICE_ENUM_NAMES(model::AttemptState, "leased", "running", "unreachable", "finished", "lost",
                  "preempted");
SLUICE_ENUM_NAMES(model::AttemptResult, "passed", "failed", "errored", "cancelled");
SLUICE_ENUM_NAMES(model::Cause, "none", "script", "timeout", "cancelled", "superseded",
                  "agent_lost", "runner_lost", "preempted", "oom", "setup", "image", "config",
                  "policy");
SLUICE_ENUM_NAMES(model::RunState, "active", "passed", "warned", "failed", "errored", "cancelled");
SLUICE_ENUM_NAMES(model::JobEvent, "needs_met", "hold", "approve", "deselect", "block", "start",
                  "requeue", "pass", "warn", "fail", "error", "cancel");
}  // namespace sluice
