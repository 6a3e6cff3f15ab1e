// Lifecycle: what people ask for: cancel, supersede, approve (rule 11).
#include "server/core/lifecycle.hpp"
#include "server/core/wait_reason.hpp"
#include "server/store/approvals.hpp"
#include "server/store/slots.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

using model::AttemptState;
using model::Cause;
using model::JobEvent;
using model::JobState;

void Lifecycle::cancel_live(store::Tx& tx, const store::Run& run, const store::Job& job,
                            const std::string& why, Cause cause) {
    if (model::is_terminal(job.state)) return;
    if (cause == Cause::superseded && job.state == JobState::running &&
        !planned_of(tx, run.id, job.id).spec.interruptible)
        return;
    const auto attempt = job.attempt ? store::find_attempt(tx, job.attempt) : std::nullopt;
    if (attempt && (job.state == JobState::running || attempt->replayable)) {
        store::request_attempt_cancel(tx, job.attempt);
        store::set_wait_reason(tx, job.id, std::string(k_stopping) + why);
        tx.after_commit(
            [this, attempt = job.attempt, why] { leases_.request_cancel(attempt, why); });
        return;
    }
    if (attempt) {
        // Leased, and nothing of the user runs before its start, which will get 409 (rules 7, 11).
        store::change_attempt(tx, job.attempt, AttemptState::leased, AttemptState::lost,
                              clock_.now());
        tx.after_commit([this, attempt = job.attempt] { leases_.erase(attempt); });
    }
    end_cancelled(tx, run, job, why, cause);
}

void Lifecycle::end_cancelled(store::Tx& tx, const store::Run& run, const store::Job& job,
                              const std::string& why, Cause cause) {
    store::JobChange next;
    next.id = job.id;
    next.from = job.state;
    next.to = model::next_state(job.state, JobEvent::cancel).value();
    next.cause = cause;
    next.message = why;
    change(tx, run, next);
}

Result<> Lifecycle::cancel_run(store::Tx& tx, RunId id, const std::string& by) {
    auto run = store::find_run(tx, id);
    if (!run) return error(Code::not_found, "not_found", "no such run");
    if (model::is_terminal(run->state))
        return error(Code::conflict, "run_ended",
                     fmt::format("the run has ended: {}", to_text(run->state)));
    store::insert_audit(tx, clock_.now(), by, "run.cancel", fmt::format("run {}", id.value), "");
    cancel_all(tx, *run, "cancelled by " + by, Cause::cancelled);
    return {};
}

void Lifecycle::supersede_run(store::Tx& tx, RunId id, RunId by) {
    auto run = store::find_run(tx, id);
    if (!run || model::is_terminal(run->state)) return;
    const auto newer = store::find_run(tx, by).value();
    cancel_all(tx, *run, fmt::format("superseded by run #{}", newer.number), Cause::superseded);
}

void Lifecycle::cancel_all(store::Tx& tx, const store::Run& run, const std::string& why,
                           Cause cause) {
    store::request_run_cancel(tx, run.id);
    for (const auto& job : store::jobs_of(tx, run.id)) cancel_live(tx, run, job, why, cause);
    advance(tx, run.id);
}

Result<> Lifecycle::approve_run(store::Tx& tx, RunId id, const std::string& by) {
    auto run = store::find_run(tx, id);
    if (!run) return error(Code::not_found, "not_found", "no such run");
    const auto jobs = store::jobs_of(tx, id);
    const bool held = std::any_of(jobs.begin(), jobs.end(), [&](const store::Job& job) {
        return job.state == JobState::held && !store::find_approval(tx, job.id);
    });
    if (!held)
        return error(Code::conflict, "nothing_held", "no job of the run waits for an approval");
    store::set_run_hold(tx, id, "");
    if (run->tier == model::Tier::t0) store::set_run_tier(tx, id, model::Tier::t1);
    store::insert_audit(tx, clock_.now(), by, "run.approve", fmt::format("run {}", id.value),
                        run->sha);
    const auto slot = store::find_slot(tx, id, JobId{});
    if (!slot || slot->holds) {
        release_held(tx, *run, "approved by " + by + ", ");
        return {};
    }
    for (const auto& job : jobs)
        if (job.state == JobState::held && !store::find_approval(tx, job.id))
            store::set_wait_reason(tx, job.id, "approved by " + by + ", the run waits for a slot");
    settle_slots(tx, slot->group);
    return {};
}

void Lifecycle::release_held(store::Tx& tx, const store::Run& run, const std::string& why) {
    std::vector<JobId> ready;
    for (const auto& job : store::jobs_of(tx, run.id)) {
        if (job.state != JobState::held || store::find_approval(tx, job.id)) continue;
        const auto& planned = planned_of(tx, run.id, job.id);
        if (must_be_held(tx, run, planned.spec)) {
            hold_for_approval(tx, run, job.id, planned.spec);
            continue;
        }
        store::JobChange next;
        next.id = job.id;
        next.from = job.state;
        next.to = model::next_state(job.state, JobEvent::approve).value();
        next.wait_reason = why + wait_for_agent(planned);
        change(tx, run, next);
        ready.push_back(job.id);
    }
    for (auto job : ready) offer(tx, run, job, planned_of(tx, run.id, job));
}

Result<> Lifecycle::cancel_job(store::Tx& tx, JobId id, const std::string& by) {
    auto job = store::find_job(tx, id);
    if (!job) return error(Code::not_found, "not_found", "no such job");
    if (model::is_terminal(job->state))
        return error(Code::conflict, "job_ended",
                     fmt::format("the job has ended: {}", to_text(job->state)));
    auto run = store::find_run(tx, job->run).value();
    store::insert_audit(tx, clock_.now(), by, "job.cancel", fmt::format("job {}", id.value), "");
    cancel_live(tx, run, *job, "cancelled by " + by, Cause::cancelled);
    advance(tx, job->run);
    return {};
}

}  // namespace sluice::core
