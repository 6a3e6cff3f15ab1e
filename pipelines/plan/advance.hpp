#pragma once
/// Which jobs of a run become ready, blocked or not_selected now that others have ended (reference
/// A6 steps 4-6). Pure; used by the server's lifecycle and by `sluice run`.

#include "pipelines/model/job_state.hpp"
#include "pipelines/plan/matrix.hpp"
#include "pipelines/plan/outputs.hpp"
#include "pipelines/plan/plan.hpp"

#include <functional>
#include <optional>
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
    /// With needs_met, of a job with PlannedJob::late: its spec with everything evaluated. It takes
    /// the place of the planned one, for approvals and for the runner.
    std::optional<model::JobSpec> spec = std::nullopt;
};

/// The value outputs of a job that has ended, by index; asked once per job that is read and only
/// when its reader is decided.
using OutputsOf = std::function<Outputs(std::size_t job)>;

/// All transitions that follow from the states, to a fixed point (one call suffices).
/// `run_cancelled`: the run was cancelled as a whole, so `always` and `failure` jobs do not start
/// (A6 step 11) and waiting jobs are cancelled.
/// Cells over their matrix' `max_parallel` stay waiting. `outputs` may be empty when no job reads
/// any.
std::vector<Transition> advance(std::span<const JobNow> jobs, const model::Event& event,
                                bool run_cancelled, const OutputsOf& outputs = {});

/// A job with PlannedJob::axes whose lists are there: it is to be replaced by its cells (expand()
/// in grow.hpp) in the transaction that records the end of the last list's job.
struct DueMatrix {
    std::size_t job = 0;  ///< index into the span
    AxisValues values;
    std::string failure;  ///< not empty: why they cannot be evaluated, for people
};
std::vector<DueMatrix> due_matrices(std::span<const JobNow> jobs, const OutputsOf& outputs);

/// The jobs that `needs.ID`, or an input from ID, means to a job: by index, in order.
std::vector<std::size_t> cells_read(std::span<const JobNow> jobs, std::size_t reader,
                                    const std::string& id);

/// Whether its failure may end others by fail_fast().
bool may_end_others(const PlannedJob& job);
/// A cell that `fail_fast` ends because another one has failed (reference A6 step 11). Unlike a
/// Transition it may run: who asks stops it.
struct FailFast {
    std::size_t job = 0;
    std::string reason;  ///< for people
};
std::vector<FailFast> fail_fast(std::span<const JobNow> jobs);

/// True when nothing but an agent is missing from the start, so that who inserts the job may spare
/// the call of advance().
bool starts_at_once(const PlannedJob& job);

/// The state of the run once every job is terminal, else active. Worst first: errored, failed,
/// cancelled, blocked (counts as failed), warned, passed.
model::RunState run_state(std::span<const JobNow> jobs);

}  // namespace sluice::plan
