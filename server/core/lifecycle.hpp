#pragma once
/// The only writer of run, job and attempt states (architecture §4): every change asks
/// model::next_state and appends its events in the same transaction. All functions run inside
/// writer closures.

#include "pipelines/plan/advance.hpp"
#include "pipelines/protocol/agent.hpp"
#include "server/core/feed.hpp"
#include "server/core/growth.hpp"
#include "server/core/leases.hpp"
#include "server/core/scheduler.hpp"
#include "server/store/projects.hpp"
#include "server/store/runs.hpp"

#include <list>
#include <memory>
#include <span>
#include <unordered_map>

namespace sluice::core {

inline constexpr std::int64_t k_max_run_jobs = 4'000;

/// A run to be created.
struct NewRun {
    RunId id;  ///< drawn before planning, because expressions may read it; none = draw now
    ProjectId project;
    std::int64_t number =
        0;  ///< drawn before planning, because expressions may read it; 0 = draw now
    model::Event event;
    std::string message, author;     ///< of the commit
    std::optional<plan::Plan> plan;  ///< absent: the run ends at once as errored(config)
    std::string diagnostics = "[]";  ///< JSON array
    std::string reason;              ///< for a run without plan
    std::optional<model::Concurrency> concurrency;  ///< of the run as a whole
    std::string input;  ///< plan::Input as JSON, for a run that may grow; "" else
    std::string hold;   ///< not empty: nothing runs before approve_run(); the reason for people
    model::Tier tier = model::Tier::t0;
    RunId retry_of;
    Duration keep{0};  ///< the place of a job that fails
    bool carry_passed =
        false;  ///< with retry_of: take passed, warned and not_selected jobs over by reference
};

/// What the plan said, with the specs that have been completed since; kept in memory: a finish in a
/// run of 4,000 jobs must not parse them all again. Writer thread only.
struct RunPlan {
    model::Event event;
    std::optional<model::Concurrency> concurrency;  ///< of the run as a whole
    bool uses_slots = false;                        ///< a job, or the run, is in a group
    bool uses_fail_fast = false;                    ///< a matrix of the run does
    bool uses_matrices = false;                     ///< some waits for its values
    std::vector<plan::PlannedJob> jobs;             ///< in the order of job ids
    std::vector<JobId> ids;
};

struct LifecycleStats {
    std::uint64_t runs_created = 0, runs_finished = 0, attempts_lost = 0, stuck_runs_mended = 0;
};

class Lifecycle {
public:
    /// Called after the commit of each change that others follow (forge statuses): the run's id.
    using Reporter = std::function<void(store::Tx&, const store::Run&)>;

    Lifecycle(Scheduler& scheduler, LeaseTable& leases, EventFeed& feed,
              const ServiceClock& service, const Clock& clock);
    void set_reporter(Reporter reporter) { reporter_ = std::move(reporter); }
    /// The same for each job that starts or ends, with its run.
    void set_job_reporter(Reporter reporter) { job_reporter_ = std::move(reporter); }
    /// Ids are drawn above this one from now on; called once at start. Without it the database
    /// numbers runs, and draw_run_id() gives none.
    void number_runs_after(RunId newest) { next_run_ = newest.value + 1; }
    /// An id for a run that is being planned; never given twice. Any thread.
    RunId draw_run_id() { return next_run_ == 0 ? RunId{} : RunId{next_run_++}; }

    /// Run and jobs in one transaction; ready jobs are leased to parked claims at once.
    RunId create_run(store::Tx& tx, const NewRun& run);

    /// The start fence (rule 7): first instance wins; the same instance again gets the same answer.
    /// Errors: `lease_lost`.
    Result<> start(store::Tx& tx, AttemptId attempt, const std::string& instance);

    /// The outcome of an attempt (rule 12): first committed wins, an equal digest gets the recorded
    /// state again, another one `finish_conflict`. Accepts an un-started attempt (a runner that
    /// could not set up, a start that was overtaken). `grown` is what Growth made of it: its jobs
    /// come into being in this transaction (rule 19), its failure ends the job as failed.
    Result<model::JobState> finish(store::Tx& tx, AttemptId attempt,
                                   const protocol::FinishRequest& request,
                                   const std::string& digest, const Grown& grown = {});

    /// The lease ran out: un-started goes back to the queue; replayable is retried or errored; the
    /// rest stays unreachable.
    void expire(store::Tx& tx, AttemptId attempt);

    /// Contact with an unreachable or lost newest attempt: it lives again (rule 8). False when a
    /// newer one was leased.
    bool revive(store::Tx& tx, AttemptId attempt);

    /// Cancels what has not ended. Running jobs are asked to stop and end by their runner's word.
    Result<> cancel_run(store::Tx& tx, RunId run, const std::string& by);
    /// The same, because run `by` of the same change stands for it; causes say `superseded`.
    void supersede_run(store::Tx& tx, RunId run, RunId by);
    /// Lets the held jobs of a run go (a fork's pull request, reference A9), whose tier becomes T1.
    /// `nothing_held` else.
    Result<> approve_run(store::Tx& tx, RunId run, const std::string& by);
    Result<> cancel_job(store::Tx& tx, JobId job, const std::string& by);

    /// A person's word on a job that asks for an approval.
    struct Decision {
        std::string by;    ///< name
        std::string role;  ///< read, write or admin
        std::string reason;
        bool approved = true;
    };
    /// Lets the held job go, or ends it as cancelled. Errors: `not_held`, `run_held` (the run is
    /// held as a whole: approve_run), `not_allowed`, `reason_required`, `already_approved`. A job
    /// that asks for more people's words stays held.
    Result<> decide_job(store::Tx& tx, JobId job, const Decision& decision);
    /// True when an approval may have expired, or an environment's wait may be over: the sweeper
    /// then calls expire_approvals. Any thread.
    bool approval_over() const { return clock_.now().ms >= next_expiry_; }
    /// Ends the jobs that nobody approved in time, and lets those go that have waited.
    void expire_approvals(store::Tx& tx);

    /// Follows the states to a fixed point. Returns the number of transitions; also used by the
    /// sweeper, for which any transition is a bug metric (rule 17).
    std::size_t advance(store::Tx& tx, RunId run);
    /// True when a back-off may be over: the sweeper then calls offer_due. Any thread.
    bool back_off_over() const { return service_.now().ms >= next_due_; }
    /// Jobs whose back-off is over meet parked claims.
    void offer_due(store::Tx& tx);

    /// True when a job may have waited for an agent as long as it may (`timeout.queue`): the
    /// sweeper then calls expire_queued. Any thread.
    bool queue_over() const { return service_.now().ms >= next_queue_end_; }
    /// Ends the jobs that no agent took in time.
    void expire_queued(store::Tx& tx);

    std::shared_ptr<const RunPlan> plan_of(store::Tx& tx, RunId run);
    LifecycleStats stats() const;
    void count_mended() { ++mended_; }

private:
    void keep_plan(RunId run, std::shared_ptr<RunPlan> plan);
    void forget_plan(RunId run);
    /// The job's needs have ended, and this is what it does.
    void complete_job(store::Tx& tx, RunId run, RunPlan& plan, std::size_t index,
                      model::JobSpec spec);
    std::shared_ptr<RunPlan> load_plan(store::Tx& tx, RunId run);
    /// Ends the cells that `fail_fast` ends. True when one of them has ended by that.
    bool fail_fast(store::Tx& tx, const store::Run& run, std::span<const plan::JobNow> jobs,
                   const RunPlan& planned);
    /// Inserts the jobs of a run that goes on.
    void grow(store::Tx& tx, const store::Run& run, const std::vector<plan::PlannedJob>& jobs);
    /// The job that stands for the cells becomes them, or ends when there are none.
    void expand(store::Tx& tx, RunId run, const MadeCells& made);
    /// False when this end brings the last list of a matrix whose cells are not among `made`.
    bool are_cells_made(store::Tx& tx, const store::Job& ending, const model::Outcome& outcome,
                        const plan::Outputs& outputs, const std::vector<MadeCells>& made);
    static plan::Outputs outputs_of(store::Tx& tx, JobId job);
    const plan::PlannedJob& planned_of(store::Tx& tx, RunId run, JobId job);
    /// Whether people or time stand between the job and its start: its file or environment says so.
    static bool must_be_held(store::Tx& tx, const store::Run& run, const model::JobSpec& spec);
    void hold_for_approval(store::Tx& tx, const store::Run& run, JobId job,
                           const model::JobSpec& spec);
    /// The held job goes on when nothing is missing any more; else it says what is.
    void let_go(store::Tx& tx, const store::Run& run, const store::Job& job,
                const std::string& reason);
    /// A job became ready: it is offered, or asks for the slot that it needs first.
    void offer(store::Tx& tx, const store::Run& run, JobId job, const plan::PlannedJob& planned);
    /// `job` none: the run as a whole.
    void ask_slot(store::Tx& tx, const store::Run& run, JobId job,
                  const model::Concurrency& wanted);
    void leave_slot(store::Tx& tx, RunId run, JobId job);
    /// Grants, supersedes and interrupts what follows for the group.
    void settle_slots(store::Tx& tx, const std::string& group);
    bool waits_for_slot(store::Tx& tx, RunId run);
    /// Held jobs of an approved run go on; those with an approval of their own ask for it now.
    void release_held(store::Tx& tx, const store::Run& run, const std::string& why);
    /// `timeout.queue` counts from that service time on.
    void limit_queue(store::Tx& tx, JobId job, const model::JobSpec& spec, std::int64_t from);
    void change(store::Tx& tx, const store::Run& run, store::JobChange change);
    /// `matrices`: cells that come into being when the job ends with it.
    void end_attempt(store::Tx& tx, const store::Attempt& attempt, const model::Outcome& outcome,
                     const std::vector<MadeCells>& matrices = {});
    void cancel_live(store::Tx& tx, const store::Run& run, const store::Job& job,
                     const std::string& why, model::Cause cause);
    void end_cancelled(store::Tx& tx, const store::Run& run, const store::Job& job,
                       const std::string& why, model::Cause cause);
    void cancel_all(store::Tx& tx, const store::Run& run, const std::string& why,
                    model::Cause cause);
    void publish_run(store::Tx& tx, const store::Run& run, std::string_view type,
                     model::RunState state);

    Scheduler& scheduler_;
    LeaseTable& leases_;
    EventFeed& feed_;
    const ServiceClock& service_;
    const Clock& clock_;
    Reporter reporter_, job_reporter_;
    // Writer thread only.
    std::list<RunId> plan_order_;
    std::unordered_map<RunId, std::shared_ptr<RunPlan>> plans_;
    /// The earliest end of a back-off; 0 at start, so that the first sweep looks. Too early is
    /// harmless.
    std::atomic<std::int64_t> next_due_{0};
    /// The same for approvals, wall clock.
    std::atomic<std::int64_t> next_expiry_{0};
    /// The same for times in the queue, service time.
    std::atomic<std::int64_t> next_queue_end_{0};
    std::atomic<std::int64_t> next_run_{0};
    std::atomic<std::uint64_t> created_{0}, finished_{0}, lost_{0}, mended_{0};
};

}  // namespace sluice::core
