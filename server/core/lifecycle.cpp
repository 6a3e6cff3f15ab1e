#include "server/core/lifecycle.hpp"

#include "server/core/environments.hpp"
#include "server/core/wait_reason.hpp"
#include "server/store/slots.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

using model::Cause;
using model::JobEvent;
using model::JobState;

/// Plans of runs that are remembered.
constexpr std::size_t k_plans_kept = 256;

}  // namespace

plan::Outputs Lifecycle::outputs_of(store::Tx& tx, JobId id) {
    plan::Outputs out;
    const auto value = json::parse(store::job_outputs(tx, id)).value();
    for (const auto& [name, text] : value.as_object())
        out.emplace(name, std::string(text.as_string()));
    return out;
}

Lifecycle::Lifecycle(Scheduler& scheduler, LeaseTable& leases, EventFeed& feed,
                     const ServiceClock& service, const Clock& clock)
    : scheduler_(scheduler), leases_(leases), feed_(feed), service_(service), clock_(clock) {
    scheduler_.set_on_unstarted_cancel([this](store::Tx& tx, JobId id) {
        const auto job = store::find_job(tx, id).value();
        if (model::is_terminal(job.state)) return;
        const auto run = store::find_run(tx, job.run).value();
        end_cancelled(tx, run, job, job.wait_reason.substr(k_stopping.size()), Cause::cancelled);
        advance(tx, job.run);
    });
}

LifecycleStats Lifecycle::stats() const {
    return {created_, finished_, lost_, mended_};
}

void Lifecycle::publish_run(store::Tx& tx, const store::Run& run, std::string_view type,
                            model::RunState state) {
    feed_.publish(tx, {{},
                       std::string(type),
                       run.project,
                       run.id,
                       {},
                       std::string(to_text(state)),
                       clock_.now()});
}

void Lifecycle::change(store::Tx& tx, const store::Run& run, store::JobChange change) {
    change.now = clock_.now();
    if (!store::change_job(tx, change))
        throw std::logic_error(fmt::format("job {} left state {} unexpectedly", change.id.value,
                                           to_text(change.from)));
    if (model::is_terminal(change.to) && plan_of(tx, run.id)->uses_slots)
        leave_slot(tx, run.id, change.id);
    feed_.publish(tx, {{},
                       "job.changed",
                       run.project,
                       run.id,
                       change.id,
                       std::string(to_text(change.to)),
                       change.now});
    if (job_reporter_ && (change.to == JobState::running || model::is_terminal(change.to)))
        job_reporter_(tx, run);
}

std::shared_ptr<const RunPlan> Lifecycle::plan_of(store::Tx& tx, RunId run) {
    return load_plan(tx, run);
}

std::shared_ptr<RunPlan> Lifecycle::load_plan(store::Tx& tx, RunId run_id) {
    auto at = plans_.find(run_id);
    if (at != plans_.end()) return at->second;
    auto kept = std::make_shared<RunPlan>();
    auto run = store::find_run(tx, run_id).value();
    kept->event =
        model::event_from_json(json::parse(run.event, {.bytes = 4 << 20, .depth = 64}).value(), "")
            .value();
    if (const auto slot = store::find_slot(tx, run_id, JobId{})) {
        const auto value = json::parse(slot->asked).value();
        kept->concurrency = model::concurrency_from_json(value, "").value();
        kept->uses_slots = true;
    }
    for (auto& job : store::jobs_of(tx, run_id)) {
        const json::Limits limits{.bytes = 16 << 20, .depth = 64};
        kept->jobs.push_back(
            plan::planned_job_from_json(json::parse(job.planned, limits).value()).value());
        auto& planned = kept->jobs.back();
        if (!job.spec.empty())
            planned.spec = model::job_spec_from_json(json::parse(job.spec, limits).value()).value();
        kept->uses_slots |= planned.spec.concurrency.has_value();
        kept->uses_fail_fast |= plan::may_end_others(planned);
        kept->uses_matrices |= !planned.axes.empty();
        kept->ids.push_back(job.id);
    }
    keep_plan(run_id, kept);
    return kept;
}

const plan::PlannedJob& Lifecycle::planned_of(store::Tx& tx, RunId run, JobId job) {
    const auto kept = plan_of(tx, run);  // plans_ holds it beyond this call
    const auto at = std::find(kept->ids.begin(), kept->ids.end(), job);
    return kept->jobs.at(static_cast<std::size_t>(at - kept->ids.begin()));
}

void Lifecycle::forget_plan(RunId run) {
    plans_.erase(run);
    plan_order_.remove(run);
}

void Lifecycle::complete_job(store::Tx& tx, RunId run, RunPlan& plan, std::size_t index,
                             model::JobSpec spec) {
    store::set_job_spec(tx, plan.ids.at(index), json::serialize(model::to_json(spec)));
    plan.jobs.at(index).spec = std::move(spec);
    tx.after_rollback([this, run] { forget_plan(run); });
}

bool Lifecycle::fail_fast(store::Tx& tx, const store::Run& run, std::span<const plan::JobNow> jobs,
                          const RunPlan& planned) {
    bool ended = false;
    for (const auto& victim : plan::fail_fast(jobs)) {
        const auto job = store::find_job(tx, planned.ids.at(victim.job)).value();
        if (job.wait_reason.starts_with(k_stopping)) continue;  // has been asked to
        cancel_live(tx, run, job, victim.reason, Cause::cancelled);
        ended |= model::is_terminal(store::find_job(tx, job.id).value().state);
    }
    return ended;
}

void Lifecycle::keep_plan(RunId run, std::shared_ptr<RunPlan> plan) {
    if (!plans_.contains(run)) plan_order_.push_back(run);
    plans_[run] = std::move(plan);
    while (plan_order_.size() > k_plans_kept) {
        plans_.erase(plan_order_.front());
        plan_order_.pop_front();
    }
}

std::size_t Lifecycle::advance(store::Tx& tx, RunId run_id) {
    const auto run = store::find_run(tx, run_id);
    if (!run || model::is_terminal(run->state)) return 0;
    const auto planned = load_plan(tx, run_id);
    const auto hold = store::run_hold(tx, run_id);
    // A run that is held shows its held jobs meanwhile; it asks for its slot when it is approved.
    if (planned->concurrency && hold.empty() && !run->cancel_requested &&
        waits_for_slot(tx, run_id))
        return 0;
    const auto briefs = store::job_briefs(tx, run_id);
    std::vector<plan::JobNow> now(briefs.size());
    for (std::size_t i = 0; i < briefs.size(); ++i) now[i] = {&planned->jobs[i], briefs[i].state};
    if (planned->uses_fail_fast && fail_fast(tx, *run, now, *planned)) return advance(tx, run_id);

    // Outputs are read when a job that asks for them is decided, never at every finish.
    auto transitions =
        plan::advance(now, planned->event, run->cancel_requested,
                      [&](std::size_t job) { return outputs_of(tx, briefs[job].id); });
    std::vector<std::pair<JobId, std::size_t>> ready;
    bool failed = false, refused = false;
    for (auto& transition : transitions) {
        auto& job = now[transition.job];
        if (transition.spec)
            complete_job(tx, run_id, *planned, transition.job, std::move(*transition.spec));
        std::string lack;
        if (transition.event == JobEvent::needs_met)
            lack = refused_by_policy(tx, *run, planned->event, job.planned->spec);
        if (!lack.empty()) {
            // Before anybody is asked for an approval, and before it holds a slot (reference A9).
            transition.event = JobEvent::block;
            transition.reason = lack;
            refused = true;
        }
        failed |= transition.event == JobEvent::fail || transition.event == JobEvent::error;
        // A held run holds every job at the moment it would become ready, whatever its graph.
        const bool goes = transition.event == JobEvent::needs_met;
        if (goes && job.planned->spec.environment)
            store::insert_deployment(tx, run->project, run_id, briefs[transition.job].id,
                                     job.planned->spec.environment->name,
                                     job.planned->spec.environment->url);
        const auto event = goes && (!hold.empty() || must_be_held(tx, *run, job.planned->spec))
                               ? JobEvent::hold
                               : transition.event;
        const auto to = model::next_state(job.state, event);
        if (!to)
            throw std::logic_error(fmt::format("no transition {} from {}",
                                               to_text(transition.event), to_text(job.state)));
        store::JobChange next;
        next.id = briefs[transition.job].id;
        next.from = job.state;
        next.to = *to;
        if (*to == JobState::ready) next.wait_reason = wait_for_agent(*job.planned);
        if (*to == JobState::held) next.wait_reason = hold;
        if (*to == JobState::failed || *to == JobState::errored) next.cause = Cause::config;
        if (*to == JobState::cancelled) next.cause = Cause::cancelled;
        if (!lack.empty()) next.cause = Cause::policy;
        next.message = transition.reason;
        change(tx, *run, next);
        job.state = *to;
        if (*to == JobState::held && hold.empty())
            hold_for_approval(tx, *run, next.id, job.planned->spec);
        if (*to == JobState::ready) ready.emplace_back(next.id, transition.job);
    }
    if (failed && planned->uses_fail_fast && fail_fast(tx, *run, now, *planned)) {
        for (auto [id, index] : ready) offer(tx, *run, id, planned->jobs[index]);
        return transitions.size() + advance(tx, run_id);
    }
    // What waits for a job that was refused was not decided by these transitions.
    if (refused) {
        for (auto [id, index] : ready) offer(tx, *run, id, planned->jobs[index]);
        return transitions.size() + advance(tx, run_id);
    }
    const auto state = plan::run_state(now);
    if (model::is_terminal(state)) {
        store::finish_run(tx, run_id, state, "", clock_.now());
        publish_run(tx, *run, "run.finished", state);
        if (planned->concurrency) leave_slot(tx, run_id, JobId{});
        tx.after_commit([this] { ++finished_; });
        if (reporter_) {
            auto ended = *run;
            ended.state = state;
            reporter_(tx, ended);
        }
    } else {
        const auto done = std::count_if(
            now.begin(), now.end(), [](const auto& job) { return model::is_terminal(job.state); });
        if (done != run->jobs_done) store::set_run_progress(tx, run_id, done);
    }
    for (auto [id, index] : ready) offer(tx, *run, id, planned->jobs[index]);
    return transitions.size();
}

void Lifecycle::limit_queue(store::Tx& tx, JobId job, const model::JobSpec& spec,
                            std::int64_t from) {
    if (!spec.queue_timeout) return;
    const std::int64_t until = from + spec.queue_timeout->count();
    store::set_queue_until(tx, job, until);
    next_queue_end_ = std::min<std::int64_t>(next_queue_end_, until);
}

void Lifecycle::expire_queued(store::Tx& tx) {
    for (auto id : store::overdue_jobs(tx, service_.now())) {
        const auto job = store::find_job(tx, id).value();
        const auto run = store::find_run(tx, job.run).value();
        const auto& spec = planned_of(tx, job.run, id).spec;
        store::JobChange next;
        next.id = id;
        next.from = job.state;
        next.to = model::next_state(job.state, JobEvent::error).value();
        next.cause = Cause::timeout;
        next.message = fmt::format("no agent took the job within {} (`timeout.queue`); it was {}",
                                   format_duration(spec.queue_timeout.value_or(Duration{})),
                                   job.wait_reason.empty() ? "ready" : job.wait_reason);
        change(tx, run, next);
        advance(tx, job.run);
    }
    tx.after_rollback([this] { next_queue_end_ = 0; });
    next_queue_end_ = store::next_queue_end(tx).value_or(INT64_MAX);
}

void Lifecycle::offer_due(store::Tx& tx) {
    const auto now = service_.now();
    for (auto id : store::due_jobs(tx, now)) scheduler_.offer(tx, id);
    tx.after_rollback([this] { next_due_ = 0; });
    next_due_ = store::next_back_off(tx, now).value_or(INT64_MAX);
}

}  // namespace sluice::core
