// Lifecycle: runs and their jobs come into being.
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/grow.hpp"
#include "pipelines/plan/late.hpp"
#include "pipelines/plan/shards.hpp"
#include "server/core/environments.hpp"
#include "server/core/lifecycle.hpp"
#include "server/core/requirements.hpp"
#include "server/core/wait_reason.hpp"
#include "server/store/run_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::core {

using model::JobEvent;
using model::JobState;

namespace {

/// Whether the job was decided or completed by one of these jobs.
bool reads_any(const plan::PlannedJob& job, const std::set<std::string>& bases) {
    if (job.late.empty() && job.late_if.empty() && job.axes.empty()) return false;
    for (const auto& names : plan::late_reads(job))
        if (!names.empty() && bases.contains(names.front())) return true;
    return false;
}

store::Job row_of(RunId run, const plan::PlannedJob& planned, Timestamp now) {
    store::Job job;
    job.run = run;
    job.key = planned.spec.id;
    job.base = planned.spec.base;
    job.name = planned.spec.name;
    job.kind = planned.spec.kind;
    job.shard_of = plan::shard_group(planned.spec);
    job.planned = json::serialize(plan::to_json(planned));
    job.queue_key = queue_key(required_labels(planned), planned.spec.resources);
    job.expands = !planned.axes.empty();
    job.created_at = now;
    return job;
}

void block(store::Job& job, const std::string& why, Timestamp now) {
    job.state = *model::next_state(JobState::waiting, JobEvent::block);
    job.cause = model::Cause::policy;
    job.message = why;
    job.finished_at = now.ms;
}

void deselect(store::Job& job, const plan::PlannedJob& planned, Timestamp now) {
    job.state = *model::next_state(JobState::waiting, JobEvent::deselect);
    job.message = planned.reason;
    job.finished_at = now.ms;
}

plan::PlannedJob planned_in(const store::Job& job) {
    constexpr json::Limits k_limits{.bytes = 16 << 20, .depth = 64};
    return plan::planned_job_from_json(json::parse(job.planned, k_limits).value()).value();
}

/// What had come into being for a planned job: what it generated, or its cells.
std::vector<plan::PlannedJob> made_of(const plan::PlannedJob& planned,
                                      const std::vector<store::Job>& jobs) {
    std::vector<plan::PlannedJob> out;
    for (const auto& job : jobs)
        if (planned.axes.empty() ? plan::is_inside(job.base, planned.spec.base)
                                 : job.base == planned.spec.base && !job.expands)
            out.push_back(planned_in(job));
    return out;
}

/// Jobs whose lists gave no cells: whoever tries again needs other lists.
std::set<std::string> givers_of_bad_lists(const std::vector<store::Job>& jobs) {
    std::set<std::string> out;
    for (const auto& job : jobs)
        if (job.expands && !model::is_ok(job.state))
            for (const auto& names : plan::late_reads(planned_in(job))) out.insert(names.front());
    return out;
}

}  // namespace

RunId Lifecycle::create_run(store::Tx& tx, const NewRun& fresh) {
    const auto now = clock_.now();
    store::Run run;
    run.id = fresh.id ? fresh.id : draw_run_id();
    run.project = fresh.project;
    run.number = fresh.number ? fresh.number : store::next_run_number(tx, fresh.project);
    store::take_run_number(tx, fresh.project, run.number);
    run.event_kind = to_text(fresh.event.kind);
    run.branch = fresh.event.branch;
    run.tag = fresh.event.tag;
    run.sha = fresh.event.sha;
    if (fresh.event.pull_request) {
        run.target_branch = fresh.event.pull_request->target_branch;
        run.pr_number = fresh.event.pull_request->number;
        if (run.branch.empty()) run.branch = fresh.event.pull_request->source_branch;
    }
    run.message = fresh.message;
    run.author = fresh.author;
    run.actor = fresh.event.actor;
    run.event = json::serialize(model::to_json(fresh.event));
    run.diagnostics = fresh.diagnostics;
    run.retry_of = fresh.retry_of.value;
    run.created_at = now;
    run.tier = fresh.tier;
    run.keep_ms = fresh.keep.count();
    if (!fresh.plan) {
        run.state = model::RunState::errored;
        run.reason = fresh.reason;
        run.finished_at = now.ms;
    }
    std::unordered_map<std::string, store::Job> earlier;
    std::vector<store::Job> before;
    if (fresh.plan) {
        if (fresh.retry_of && fresh.carry_passed) before = store::jobs_of(tx, fresh.retry_of);
        for (const auto& job : before)
            if (model::is_ok(job.state)) earlier.emplace(job.key, job);
        run.plan_hash = fresh.plan->hash;
        run.jobs_total = static_cast<std::int64_t>(fresh.plan->jobs.size());
    }
    run.id = store::insert_run(tx, run);
    if (!fresh.input.empty()) store::put_run_input(tx, run.id, fresh.input);
    if (!fresh.hold.empty()) store::set_run_hold(tx, run.id, fresh.hold);
    tx.after_commit([this] { ++created_; });
    publish_run(tx, run, "run.created", run.state);
    if (!fresh.plan) {
        publish_run(tx, run, "run.finished", run.state);
        if (reporter_) reporter_(tx, run);
        return run.id;
    }

    std::set<std::string> again;  // bases of which a cell is not carried over
    const std::set<std::string> bad_lists = givers_of_bad_lists(before);
    auto kept = std::make_shared<RunPlan>();
    kept->event = fresh.event;
    kept->concurrency = fresh.concurrency;
    kept->uses_slots = kept->concurrency.has_value();
    std::vector<std::pair<JobId, std::size_t>> ready;
    const auto add = [&](const plan::PlannedJob& planned) {
        store::Job job = row_of(run.id, planned, now);
        const auto same = earlier.find(job.key);
        // A definition that changed since (it can't for the same commit, but the planner may be
        // newer) is run again; so is what was made of the results of a job that runs again.
        if (same != earlier.end() && same->second.planned == job.planned &&
            !bad_lists.contains(job.base) && !reads_any(planned, again)) {
            const auto& old = same->second;
            job.spec = old.spec;
            job.state = old.state;
            job.cause = old.cause;
            job.message = old.message;
            job.exit_code = old.exit_code;
            job.steps = old.steps;
            job.reports = old.reports;
            job.outputs = old.outputs;
            job.log_attempt = old.log_attempt;
            job.log_size = old.log_size;
            job.agent = old.agent;
            job.base_job = old.base_job;
            job.carried_from = old.carried_from ? old.carried_from : old.id.value;
            job.started_at = old.started_at;
            job.finished_at = now.ms;
        } else if (!planned.selected) {
            deselect(job, planned, now);
        } else if ((!fresh.concurrency || !fresh.hold.empty()) && plan::starts_at_once(planned)) {
            // Only what would start now is held: the rest waits for it anyway.
            const auto lack = refused_by_policy(tx, run, fresh.event, planned.spec);
            const auto event = fresh.hold.empty() ? JobEvent::needs_met : JobEvent::hold;
            if (!lack.empty()) {
                block(job, lack, now);
            } else {
                job.state = *model::next_state(JobState::waiting, event);
                job.wait_reason = fresh.hold.empty() ? wait_for_agent(planned) : fresh.hold;
            }
        } else {
            job.wait_reason = wait_for_needs(planned);
        }
        if (!job.carried_from) again.insert(job.base);
        const JobId id = store::insert_job(tx, job);
        kept->uses_slots |= planned.spec.concurrency.has_value();
        kept->uses_fail_fast |= plan::may_end_others(planned);
        kept->uses_matrices |= !planned.axes.empty();
        kept->jobs.push_back(planned);
        if (!job.spec.empty())
            kept->jobs.back().spec =
                model::job_spec_from_json(
                    json::parse(job.spec, {.bytes = 16 << 20, .depth = 64}).value())
                    .value();
        kept->ids.push_back(id);
        if (job.state == JobState::ready) ready.emplace_back(id, kept->ids.size() - 1);
        return job.carried_from != 0;
    };
    for (const auto& planned : fresh.plan->jobs) {
        // The cells that lists had given which are carried over.
        if (!planned.axes.empty() && !reads_any(planned, again)) {
            const auto cells = made_of(planned, before);
            for (const auto& cell : cells) add(cell);
            if (!cells.empty()) {
                store::add_run_jobs(tx, run.id, static_cast<std::int64_t>(cells.size()) - 1);
                continue;
            }
        }
        if (!add(planned) || planned.spec.generate.empty()) continue;
        // What a generator that is carried over had made belongs to it.
        const auto made = made_of(planned, before);
        for (const auto& job : made) add(job);
        store::add_run_jobs(tx, run.id, static_cast<std::int64_t>(made.size()));
    }
    keep_plan(run.id, kept);
    tx.after_rollback([this, id = run.id] { forget_plan(id); });
    if (reporter_) reporter_(tx, run);
    for (auto& [id, index] : ready) offer(tx, run, id, kept->jobs[index]);
    if (kept->concurrency) ask_slot(tx, run, JobId{}, *kept->concurrency);
    // A granted slot advances the run; a held run, which has none yet, shows its held jobs.
    const bool may_advance = !kept->concurrency || !fresh.hold.empty();
    if (may_advance && ready.size() != kept->ids.size()) advance(tx, run.id);
    return run.id;
}

void Lifecycle::expand(store::Tx& tx, RunId run_id, const MadeCells& made) {
    const auto run = store::find_run(tx, run_id).value();
    auto kept = std::make_shared<RunPlan>(*plan_of(tx, run_id));
    const auto at =
        std::find_if(kept->jobs.begin(), kept->jobs.end(), [&](const plan::PlannedJob& job) {
            return job.spec.base == made.job && !job.axes.empty();
        });
    if (at == kept->jobs.end()) return;
    const JobId id = kept->ids[static_cast<std::size_t>(at - kept->jobs.begin())];
    const auto job = store::find_job(tx, id).value();
    if (job.state != JobState::waiting) return;
    store::JobChange next;
    next.id = id;
    next.from = job.state;
    next.message = made.failure;
    const auto added = static_cast<std::int64_t>(made.cells.size()) - 1;
    // Others may have come into being since these were planned.
    if (next.message.empty() && run.jobs_total + added > k_max_run_jobs)
        next.message = fmt::format("its cells are {}, and a run has at most {} jobs: {} are there",
                                   made.cells.size(), k_max_run_jobs, run.jobs_total);
    if (!next.message.empty() || made.cells.empty()) {
        const auto event = next.message.empty() ? JobEvent::deselect : JobEvent::fail;
        if (event == JobEvent::fail) next.cause = model::Cause::config;
        if (next.message.empty()) next.message = plan::k_no_cells;
        next.to = model::next_state(job.state, event).value();
        change(tx, run, next);
        return;
    }
    *at = made.cells.front();
    store::Job cell = row_of(run_id, *at, clock_.now());
    cell.wait_reason = wait_for_needs(*at);
    store::replace_job(tx, id, cell);
    kept->uses_slots |= at->spec.concurrency.has_value();
    kept->uses_fail_fast |= plan::may_end_others(*at);
    keep_plan(run_id, kept);
    grow(tx, run, {made.cells.begin() + 1, made.cells.end()});
}

void Lifecycle::grow(store::Tx& tx, const store::Run& run,
                     const std::vector<plan::PlannedJob>& jobs) {
    const auto now = clock_.now();
    auto kept = std::make_shared<RunPlan>(*plan_of(tx, run.id));
    for (const auto& planned : jobs) {
        store::Job job = row_of(run.id, planned, now);
        if (planned.selected)
            job.wait_reason = wait_for_needs(planned);
        else
            deselect(job, planned, now);
        kept->ids.push_back(store::insert_job(tx, job));
        kept->uses_slots |= planned.spec.concurrency.has_value();
        kept->uses_fail_fast |= plan::may_end_others(planned);
        kept->jobs.push_back(planned);
    }
    tx.after_rollback([this, id = run.id] { forget_plan(id); });
    keep_plan(run.id, kept);
    store::add_run_jobs(tx, run.id, static_cast<std::int64_t>(jobs.size()));
    publish_run(tx, run, "run.grown", run.state);
}

}  // namespace sluice::core
