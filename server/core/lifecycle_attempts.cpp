// Lifecycle: attempts start, finish, are lost and come back (rules 7, 8, 12).
#include "pipelines/plan/ending.hpp"
#include "pipelines/plan/outputs.hpp"
#include "server/core/lifecycle.hpp"
#include "server/core/memos.hpp"
#include "server/core/packs.hpp"
#include "server/store/reservations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

using model::AttemptState;
using model::Cause;
using model::JobEvent;
using model::JobState;

/// Two JSON arrays as one.
std::string joined(const std::string& first, const std::string& second) {
    constexpr json::Limits k_limits{.bytes = 64 << 20, .depth = 16};
    json::Value all = json::parse(first, k_limits).value();
    const json::Value more = json::parse(second, k_limits).value();
    for (const auto& item : more.as_array()) all.as_array().push_back(item);
    return json::serialize(all);
}

}  // namespace

Result<> Lifecycle::start(store::Tx& tx, AttemptId id, const std::string& instance) {
    auto attempt = store::find_attempt(tx, id);
    if (!attempt) return error(Code::not_found, "not_found", "no such attempt");
    if (attempt->state == AttemptState::running && attempt->runner_instance == instance) return {};
    // A replayable job may have begun before its start is told (decision 0002): the runner goes on
    // and stops as one that runs, so that its log and its clean-up steps are kept.
    if (attempt->state != AttemptState::leased ||
        (attempt->cancel_requested && !attempt->replayable))
        return error(
            Code::lease_lost, "lease_lost",
            "the lease is over: another runner started it, it was cancelled or it expired");
    const auto job = store::find_job(tx, attempt->job).value();
    const auto run = store::find_run(tx, attempt->run).value();
    const auto now = clock_.now();
    if (!store::start_attempt(tx, id, instance, now))
        return error(Code::lease_lost, "lease_lost", "the lease is over");
    const auto agent = store::find_agent(tx, attempt->agent);
    store::JobChange next;
    next.id = job.id;
    next.from = job.state;
    next.to = model::next_state(job.state, JobEvent::start).value();
    next.wait_reason = "running on agent " + (agent ? agent->name : "?");
    change(tx, run, next);
    store::set_job_started(tx, job.id, id, agent ? agent->name : "", now);
    const auto& times = scheduler_.times();
    tx.after_commit([this, id, times, timeout = attempt->timeout_ms] {
        const auto at = service_.now();
        leases_.mark_started(id, at + times.lease,
                             at + Duration{timeout} + times.grace + times.after_timeout);
    });
    return {};
}

namespace {

std::string facts_text(const protocol::FinishRequest& request) {
    json::Object facts;
    for (const auto& [name, text] : request.facts) facts[name] = text;
    return json::serialize(facts);
}

}  // namespace

/// Applies the outcome of an attempt that has just ended to its job: retry, or a terminal state,
/// then what follows.
void Lifecycle::end_attempt(store::Tx& tx, const store::Attempt& attempt,
                            const model::Outcome& outcome, const std::vector<MadeCells>& matrices) {
    const auto run = store::find_run(tx, attempt.run).value();
    const auto job = store::find_job(tx, attempt.job).value();
    const auto planned = plan_of(tx, attempt.run);
    const auto index = static_cast<std::size_t>(
        std::find(planned->ids.begin(), planned->ids.end(), job.id) - planned->ids.begin());
    const auto& spec = planned->jobs.at(index).spec;

    store::JobChange next;
    next.id = job.id;
    next.from = job.state;
    next.cause = outcome.cause;
    next.message = outcome.message;
    if (outcome.exit_code) next.exit_code = *outcome.exit_code;

    // A job whose attempt never started passes through running: its runner has reported on it.
    if (job.state == JobState::ready) {
        auto started = next;
        started.to = model::next_state(job.state, JobEvent::start).value();
        started.cause = Cause::none;
        started.message.clear();
        change(tx, run, started);
        next.from = JobState::running;
    }
    const plan::RetryRule rule = plan::retry_rule(spec, outcome);
    if (rule.budget > 0 && !run.cancel_requested && !attempt.cancel_requested &&
        next.from == JobState::running) {
        int used = 0;
        for (std::int64_t epoch = 1; epoch < attempt.epoch; ++epoch) {
            auto before = store::find_attempt_by_epoch(tx, job.id, epoch);
            if (!before || before->outcome.empty()) continue;
            auto value = json::parse(before->outcome);
            if (!value) continue;
            auto earlier = model::outcome_from_json(*value, "");
            if (earlier && plan::retry_rule(spec, *earlier).name == rule.name) ++used;
        }
        if (used < rule.budget) {
            const Duration back_off = plan::back_off(spec, used);
            const std::string_view why = rule.name.starts_with("exit") ? std::string_view(rule.name)
                                                                       : to_text(outcome.cause);
            next.to = model::next_state(next.from, JobEvent::requeue).value();
            next.not_before = (service_.now() + back_off).ms;
            next.wait_reason =
                fmt::format("attempt {} ended by {}; retry {} of {} in {}", attempt.epoch, why,
                            used + 1, rule.budget, format_duration(back_off));
            change(tx, run, next);
            limit_queue(tx, job.id, spec, next.not_before);
            next_due_ = std::min<std::int64_t>(next_due_, next.not_before);
            return;
        }
    }
    next.to = model::next_state(next.from, plan::end_event(spec, outcome)).value();
    change(tx, run, next);
    for (const MadeCells& made : matrices) expand(tx, attempt.run, made);
    advance(tx, attempt.run);
}

bool Lifecycle::are_cells_made(store::Tx& tx, const store::Job& ending,
                               const model::Outcome& outcome, const plan::Outputs& outputs,
                               const std::vector<MadeCells>& made) {
    const auto planned = plan_of(tx, ending.run);
    if (!planned->uses_matrices || outputs.empty()) return true;
    const auto briefs = store::job_briefs(tx, ending.run);
    std::vector<plan::JobNow> now;
    for (std::size_t i = 0; i < briefs.size(); ++i) {
        now.push_back({&planned->jobs[i], briefs[i].state});
        if (briefs[i].id == ending.id)
            now[i].state = model::next_state(JobState::running,
                                             plan::end_event(planned->jobs[i].spec, outcome))
                               .value();
    }
    const auto due = plan::due_matrices(now, [&](std::size_t job) {
        return briefs[job].id == ending.id ? outputs : outputs_of(tx, briefs[job].id);
    });
    return std::all_of(due.begin(), due.end(), [&](const plan::DueMatrix& matrix) {
        return std::any_of(made.begin(), made.end(), [&](const MadeCells& cells) {
            return cells.job == planned->jobs[matrix.job].spec.base;
        });
    });
}

Result<model::JobState> Lifecycle::finish(store::Tx& tx, AttemptId id,
                                          const protocol::FinishRequest& request,
                                          const std::string& digest, const Grown& grown) {
    auto attempt = store::find_attempt(tx, id);
    if (!attempt) return error(Code::not_found, "not_found", "no such attempt");
    if (attempt->state == AttemptState::finished) {
        if (attempt->finish_digest == digest)
            return store::find_job(tx, attempt->job).value().state;
        return error(Code::conflict, "finish_conflict",
                     "this attempt has finished with another result: " + attempt->outcome);
    }
    if (attempt->state == AttemptState::lost || attempt->state == AttemptState::unreachable) {
        if (!revive(tx, id))
            return error(Code::lease_lost, "lease_lost",
                         "the attempt was given up and another one has been leased");
        attempt = store::find_attempt(tx, id);
    }
    const auto job = store::find_job(tx, attempt->job).value();
    if (job.attempt != id)
        return error(Code::lease_lost, "lease_lost", "the attempt is not the job's live one");
    if (attempt->state == AttemptState::leased) {
        // start and finish may travel together for short jobs; the start's facts are recorded here
        // then.
        const auto agent = store::find_agent(tx, attempt->agent);
        store::start_attempt(tx, id, request.runner_instance, clock_.now());
        store::set_job_started(tx, job.id, id, agent ? agent->name : "", clock_.now());
    } else if (!request.salvaged && attempt->runner_instance != request.runner_instance) {
        return error(Code::lease_lost, "lease_lost", "another runner carries this attempt");
    }
    json::Array steps;
    for (const auto& step : request.steps) steps.push_back(model::to_json(step));
    json::Object outputs;
    const auto known = known_outputs(planned_of(tx, job.run, job.id).spec, request);
    for (const auto& [name, value] : known) outputs[name] = value;
    auto outcome = request.outcome;
    const auto run = store::find_run(tx, attempt->run).value();
    std::string failure = grown.failure;
    const bool generates = outcome.result == model::AttemptResult::passed &&
                           !planned_of(tx, run.id, job.id).spec.generate.empty();
    if (generates && !request.generated) failure = "the runner sent nothing of what was generated";
    // Planned while the attempt was not this job's; its jobs must not be lost.
    if (generates && request.generated && !grown.is_planned)
        return error(Code::unavailable, "not_planned", "the generated jobs were not planned");
    // Two jobs whose lists one matrix takes may have ended while each saw the other running.
    if (!are_cells_made(tx, job, outcome, known, grown.matrices))
        return error(Code::unavailable, "not_planned", "the cells of a matrix were not planned");
    const auto added = static_cast<std::int64_t>(grown.jobs.size());
    // Another generator of the run may have ended since this was planned.
    if (failure.empty() && added > 0 && run.jobs_total + added > k_max_run_jobs)
        failure = fmt::format("the generated jobs are {}, and a run has at most {}: {} are there",
                              added, k_max_run_jobs, run.jobs_total);
    if (!failure.empty())
        outcome = {model::AttemptResult::failed, outcome.exit_code, std::nullopt, Cause::config,
                   failure};
    SLUICE_CHECK(keep_packs(tx, *attempt, run, planned_of(tx, run.id, job.id).spec, request,
                            outcome.result, clock_.now()));
    if (request.memo && outcome.result == model::AttemptResult::passed)
        keep_memo(tx, *attempt, run, job.key, *request.memo, clock_.now());
    store::finish_attempt(tx, id, json::serialize(model::to_json(outcome)), digest,
                          request.log_size, request.log_crc32c, clock_.now());
    store::set_job_result(tx, job.id, json::serialize(steps),
                          json::serialize(model::to_json(request.reports)),
                          json::serialize(outputs), request.log_size);
    if (grown.diagnostics != "[]")
        store::set_run_diagnostics(tx, run.id, joined(run.diagnostics, grown.diagnostics));
    if (failure.empty() && added > 0) grow(tx, run, grown.jobs);
    store::set_execution(tx, id, facts_text(request),
                         json::serialize(model::to_json(request.usage)));
    end_attempt(tx, *attempt, outcome, grown.matrices);
    if (!store::reservation_of(tx, id).empty()) scheduler_.freed(tx, attempt->agent);
    tx.after_commit([this, id] { leases_.erase(id); });
    return store::find_job(tx, attempt->job).value().state;
}

void Lifecycle::expire(store::Tx& tx, AttemptId id) {
    auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state == AttemptState::finished ||
        attempt->state == AttemptState::lost) {
        tx.after_commit([this, id] { leases_.erase(id); });
        return;
    }
    // The deadline may have been moved between the look and this closure.
    const auto live = leases_.find(id);
    if (live && live->deadline >= service_.now()) return;
    if (attempt->state == AttemptState::leased) {
        scheduler_.give_back(tx, id);
        return;
    }
    if (!attempt->replayable) {
        // Rule 8: it may still be deploying. It keeps its place until proof of its end.
        if (attempt->state == AttemptState::running &&
            store::change_attempt(tx, id, AttemptState::running, AttemptState::unreachable,
                                  clock_.now()))
            store::set_wait_reason(tx, attempt->job,
                                   "its agent is out of contact; the job may still be running");
        return;
    }
    if (!store::change_attempt(tx, id, AttemptState::running, AttemptState::lost, clock_.now()))
        return;
    model::Outcome outcome;
    outcome.result = model::AttemptResult::errored;
    outcome.cause = Cause::agent_lost;
    outcome.message =
        "the agent has not been heard of for " + format_duration(scheduler_.times().lease);
    tx.exec("UPDATE attempts SET outcome = :a WHERE id = :b",
            json::serialize(model::to_json(outcome)), id);
    tx.after_commit([this, id] {
        ++lost_;
        leases_.erase(id);
    });
    end_attempt(tx, *attempt, outcome);
}

bool Lifecycle::revive(store::Tx& tx, AttemptId id) {
    auto attempt = store::find_attempt(tx, id);
    if (!attempt) return false;
    if (attempt->state == AttemptState::unreachable)
        return store::change_attempt(tx, id, AttemptState::unreachable, AttemptState::running,
                                     clock_.now());
    if (attempt->state != AttemptState::lost || attempt->runner_instance.empty()) return false;
    const auto job = store::find_job(tx, attempt->job).value();
    if (job.attempt || job.state != JobState::ready || job.attempts != attempt->epoch) return false;
    const auto run = store::find_run(tx, attempt->run).value();
    if (!store::set_job_attempt(tx, job.id, AttemptId{}, id)) return false;
    store::change_attempt(tx, id, AttemptState::lost, AttemptState::running, clock_.now());
    store::JobChange next;
    next.id = job.id;
    next.from = job.state;
    next.to = model::next_state(job.state, JobEvent::start).value();
    next.wait_reason = "running on agent " + job.agent;
    change(tx, run, next);
    LiveAttempt live;
    live.id = id;
    live.job = job.id;
    live.run = job.run;
    live.project = run.project;
    live.agent = attempt->agent;
    live.token_hash = attempt->token_hash;
    live.replayable = attempt->replayable;
    live.started = true;
    live.deadline = service_.now() + scheduler_.times().lease;
    live.extend_until = service_.now() + Duration{attempt->timeout_ms} + scheduler_.times().grace +
                        scheduler_.times().after_timeout;
    tx.after_commit([this, live] { leases_.put(live); });
    return true;
}

}  // namespace sluice::core
