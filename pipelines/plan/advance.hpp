#pragma once
/// Which jobs of a run become ready, blocked or not_selected now that others have ended (reference
/// A6 steps 4-6). Pure; used by the server's lifecycle and by `sluice run`.

#include "pipelines/model/job_state.hpp"
#include "pipelines/plan/plan.hpp"

#include <span>
#include <string>
#include <vector>

namespace sluice::plan {

/// A job as far as advancing needs to see it. `planned` outlives the call.
struct JobNow {
    const PlannedJob* planned = nullptr;
    model::JobState state = model::JobState::waiting;
};

struct Transition {
    std::size_t job = 0;  ///< index into the span
    model::JobEvent event = model::JobEvent::needs_met;
    std::string
        reason;  ///< for blocked, not_selected and failed: text for people, naming the root cause
};

/// All transitions that follow from the states, to a fixed point (one call suffices).
/// `run_cancelled`: the run was cancelled as a whole, so `always` and `failure` jobs do not start
/// (A6 step 11) and waiting jobs are cancelled.
std::vector<Transition> advance(std::span<const JobNow> jobs, const model::Event& event,
                                bool run_cancelled);

/// True when nothing but an agent is missing from the start, so that who inserts the job may spare
/// the call of advance().
bool starts_at_once(const PlannedJob& job);

/// The state of the run once every job is terminal, else active. Worst first: errored, failed,
/// cancelled, blocked (counts as failed), warned, passed.
model::RunState run_state(std::span<const JobNow> jobs);

}  // namespace sluice::plan
