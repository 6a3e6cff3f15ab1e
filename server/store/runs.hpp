#pragma once
/// Runs: one plan carried out for one event at one commit.
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/job_state.hpp"
#include "pipelines/model/trust.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Run {
    RunId id;
    ProjectId project;
    std::int64_t number = 0;
    std::string event_kind, branch, tag, sha, target_branch;
    std::int64_t pr_number = 0;
    std::string message, author, actor;
    std::string event;  ///< JSON
    model::RunState state = model::RunState::active;
    std::string reason;
    std::string diagnostics = "[]";
    std::string plan_hash;
    std::int64_t retry_of = 0;
    bool cancel_requested = false;
    std::int64_t jobs_total = 0, jobs_done = 0;
    Timestamp created_at;
    std::optional<std::int64_t> finished_at;
    std::string project_name;  ///< reading only
    model::Tier tier = model::Tier::t0;
    std::int64_t keep_ms = 0;  ///< how long the place of a job that fails is kept; 0 = not
};
/// With the id that the run has, or the next free one.
RunId insert_run(Tx& tx, const Run& run);
/// The highest id so far; 0 = none.
RunId newest_run(Tx& tx);
/// How often the event was tried before this run: the length of its chain of `retry_of`.
int retries_before(Tx& tx, RunId id);
std::optional<Run> find_run(Tx& tx, RunId id);
struct RunFilter {
    std::optional<ProjectId> project;
    std::string branch, sha;
    std::int64_t before = 0;  ///< ids below; 0 = from the newest
    std::int64_t limit = 50;
};
/// Newest first. event and diagnostics are left empty.
std::vector<Run> list_runs(Tx& tx, const RunFilter& filter);
std::vector<RunId> active_runs(Tx& tx);
/// What has not ended of a branch (of a pull request: its source branch), oldest first: id, number,
/// event_kind, sha and pr_number only.
std::vector<Run> active_runs_of(Tx& tx, ProjectId project, std::string_view branch);
void finish_run(Tx& tx, RunId id, model::RunState state, std::string_view reason, Timestamp at);
/// Jobs that came later.
void add_run_jobs(Tx& tx, RunId id, std::int64_t more);
void set_run_diagnostics(Tx& tx, RunId id, std::string_view diagnostics);
void set_run_progress(Tx& tx, RunId id, std::int64_t done);
/// Why no job of the run may become ready yet; "" = nothing holds it.
std::string run_hold(Tx& tx, RunId id);
void set_run_hold(Tx& tx, RunId id, std::string_view reason);
void set_run_tier(Tx& tx, RunId id, model::Tier tier);
void request_run_cancel(Tx& tx, RunId id);

}  // namespace sluice::store
