#pragma once
/// Jobs: the nodes of a run, and the queue of those that are ready (architecture §7).
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/job_state.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Job {
    JobId id;
    RunId run;
    std::string key, base, name, kind;
    std::string shard_of;  ///< the key that all shards of the job share; "" = no shard
    std::string planned;   ///< plan::PlannedJob, JSON
    std::string spec;  ///< model::JobSpec, JSON, once completed with others' outputs; "" = planned
    model::JobState state = model::JobState::waiting;
    std::string queue_key;
    std::int64_t priority = 0;
    AttemptId attempt;  ///< the live one
    std::int64_t attempts = 0;
    std::string wait_reason;
    model::Cause cause = model::Cause::none;
    std::string message;
    std::optional<std::int64_t> exit_code;
    std::int64_t not_before = 0;
    std::string steps = "[]", reports = "{}", outputs = "{}";
    AttemptId log_attempt;
    std::int64_t log_size = 0;
    std::string agent;
    std::int64_t carried_from = 0;
    JobId base_job;        ///< what it was compared with while it ran
    bool expands = false;  ///< stands for the cells of an open matrix (plan::PlannedJob::axes)
    Timestamp created_at;
    std::optional<std::int64_t> started_at, finished_at;
};
JobId insert_job(Tx& tx, const Job& job);
std::optional<Job> find_job(Tx& tx, JobId id);
/// Whether a waiting job of the run stands for cells that are to be made.
bool has_expanding_jobs(Tx& tx, RunId run);
/// A job that stood for cells becomes one of them; its state stays.
void replace_job(Tx& tx, JobId id, const Job& cell);
/// In order of insertion (topological).
std::vector<Job> jobs_of(Tx& tx, RunId run);
/// What went wrong in a run, in order of its jobs: key and message only.
struct BrokenJob {
    std::string key, message;
};
std::vector<BrokenJob> broken_jobs(Tx& tx, RunId run, std::int64_t limit);
/// All shards of a job, in order.
std::vector<Job> shards_of(Tx& tx, RunId run, std::string_view shard_of);
/// What advancing needs: cheap at thousands of jobs.
struct JobBrief {
    JobId id;
    model::JobState state;
    AttemptId attempt;
    std::int64_t not_before = 0;
};
std::vector<JobBrief> job_briefs(Tx& tx, RunId run);
/// Sets state (and finished_at when terminal); the caller has asked next_state. False when the job
/// was not in `from`.
struct JobChange {
    JobId id;
    model::JobState from, to;
    std::string wait_reason;
    model::Cause cause = model::Cause::none;
    std::string message;
    std::optional<std::int64_t> exit_code;
    std::int64_t not_before = 0;
    Timestamp now;
};
bool change_job(Tx& tx, const JobChange& change);
/// The newest ready jobs first by priority, then by id, that wait under this key and may start now.
std::vector<JobId> ready_jobs(Tx& tx, std::string_view queue_key, ServiceTime now,
                              std::int64_t limit);
/// Distinct keys of jobs that are ready and unleased.
std::vector<std::string> ready_keys(Tx& tx);
std::int64_t count_ready(Tx& tx);
/// Ready and unleased jobs by queue key.
std::vector<std::pair<std::string, std::int64_t>> ready_counts(Tx& tx);
/// When the next back-off after `now` ends (service time), if any job is in one.
std::optional<std::int64_t> next_back_off(Tx& tx, ServiceTime now);
/// Ready, unleased and back-off over since the last look: jobs with 0 < not_before <= now.
std::vector<JobId> due_jobs(Tx& tx, ServiceTime now);
void set_wait_reason(Tx& tx, JobId id, std::string_view reason);
/// Of all jobs of the run that wait.
void set_wait_reasons(Tx& tx, RunId run, std::string_view reason);
/// No claim finds the job before that service time.
void set_not_before(Tx& tx, JobId id, std::int64_t service_time);
/// The job is given up when no agent has taken it by that service time.
void set_queue_until(Tx& tx, JobId id, std::int64_t service_time);
/// Ready and unleased, and their time in the queue is over.
std::vector<JobId> overdue_jobs(Tx& tx, ServiceTime now);
/// When the next time in the queue ends, if any job has a limit. A leased job that has not started
/// counts: it may come back.
std::optional<std::int64_t> next_queue_end(Tx& tx);
/// Gives the job its live attempt (or none). False when it has another.
bool set_job_attempt(Tx& tx, JobId id, AttemptId expected, AttemptId attempt);
void set_job_attempt_count(Tx& tx, JobId id, std::int64_t attempts);
void set_job_started(Tx& tx, JobId id, AttemptId attempt, std::string_view agent, Timestamp at);
/// The completed spec; see Job::spec.
void set_job_spec(Tx& tx, JobId id, std::string_view spec);
/// Job::outputs alone.
std::string job_outputs(Tx& tx, JobId id);
void set_job_result(Tx& tx, JobId id, std::string_view steps, std::string_view reports,
                    std::string_view outputs, std::int64_t log_size);

void set_base_job(Tx& tx, JobId id, JobId base);

/// The newest job with that key, or a shard of it, of a run of that commit, or (sha "") of a push
/// to that branch, which began before the run `before` and ended with reports.
struct BaseJobFilter {
    ProjectId project;
    std::string key;
    RunId before;
    std::string sha, branch;
};
std::optional<JobId> find_base_job(Tx& tx, const BaseJobFilter& filter);

}  // namespace sluice::store
