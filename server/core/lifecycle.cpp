#include "server/core/lifecycle.hpp"

#include "platform/crypto.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace sluice::core {

namespace {

using model::AttemptState;
using model::Cause;
using model::JobEvent;
using model::JobState;

constexpr std::size_t k_plans_kept = 256;
constexpr std::string_view k_stopping = "stopping: ";

/// Which retry budget a cause draws on (reference A3 `retry`).
const char* retry_class(Cause cause) {
    switch (cause) {
        case Cause::agent_lost:
        case Cause::runner_lost:
        case Cause::setup:
        case Cause::image: return "infra";
        case Cause::preempted: return "preempted";
        case Cause::timeout: return "timeout";
        case Cause::oom: return "oom";
        case Cause::script: return "script";
        case Cause::none:
        case Cause::cancelled:
        case Cause::superseded:
        case Cause::config:
        case Cause::policy: return "";
    }
    return "";
}

int retry_budget(const model::JobSpec& spec, const std::string& retry) {
    auto at = spec.retry.find(retry);
    if (at != spec.retry.end()) return at->second;
    if (!spec.replayable) return 0;
    return retry == "infra" ? 2 : retry == "preempted" ? 10 : 0;
}

bool allowed_to_fail(const model::AllowFailure& allow, const model::Outcome& outcome) {
    if (allow.any) return true;
    if (!outcome.exit_code || outcome.cause != Cause::script) return false;
    return std::find(allow.exit_codes.begin(), allow.exit_codes.end(), *outcome.exit_code) !=
           allow.exit_codes.end();
}

JobEvent end_event(const model::JobSpec& spec, const model::Outcome& outcome) {
    switch (outcome.result) {
        case model::AttemptResult::passed: return JobEvent::pass;
        case model::AttemptResult::failed:
            return allowed_to_fail(spec.allow_failure, outcome) ? JobEvent::warn : JobEvent::fail;
        case model::AttemptResult::errored:
            return allowed_to_fail(spec.allow_failure, outcome) ? JobEvent::warn : JobEvent::error;
        case model::AttemptResult::cancelled: return JobEvent::cancel;
    }
    return JobEvent::error;
}

std::string wait_for_needs(const plan::PlannedJob& job) {
    std::string text = "waiting for ";
    for (std::size_t i = 0; i < job.needs.size(); ++i) text += (i ? ", " : "") + job.needs[i].job;
    return text;
}

std::string wait_for_agent(const plan::PlannedJob& job) {
    if (job.spec.runs_on.empty()) return "waiting for an agent";
    return "waiting for an agent with " + queue_key(job.spec.runs_on);
}

}  // namespace

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
    feed_.publish(tx, {{},
                       "job.changed",
                       run.project,
                       run.id,
                       change.id,
                       std::string(to_text(change.to)),
                       change.now});
}

RunId Lifecycle::create_run(store::Tx& tx, const NewRun& fresh) {
    const auto now = clock_.now();
    store::Run run;
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
    if (!fresh.plan) {
        run.state = model::RunState::errored;
        run.reason = fresh.reason;
        run.finished_at = now.ms;
    } else {
        run.plan_hash = fresh.plan->hash;
        run.jobs_total = static_cast<std::int64_t>(fresh.plan->jobs.size());
    }
    run.id = store::insert_run(tx, run);
    if (!fresh.hold.empty()) store::set_run_hold(tx, run.id, fresh.hold);
    tx.after_commit([this] { ++created_; });
    publish_run(tx, run, "run.created", run.state);
    if (!fresh.plan) {
        publish_run(tx, run, "run.finished", run.state);
        if (reporter_) reporter_(tx, run);
        return run.id;
    }

    std::unordered_map<std::string, store::Job> earlier;
    if (fresh.retry_of && fresh.carry_passed)
        for (auto& job : store::jobs_of(tx, fresh.retry_of))
            if (model::is_ok(job.state)) earlier.emplace(job.key, std::move(job));

    auto kept = std::make_shared<RunPlan>();
    kept->event = fresh.event;
    std::vector<std::pair<JobId, std::size_t>> ready;
    for (std::size_t i = 0; i < fresh.plan->jobs.size(); ++i) {
        const auto& planned = fresh.plan->jobs[i];
        store::Job job;
        job.run = run.id;
        job.key = planned.spec.id;
        job.base = planned.spec.base;
        job.name = planned.spec.name;
        job.kind = planned.spec.kind;
        job.planned = json::serialize(plan::to_json(planned));
        job.queue_key = queue_key(planned.spec.runs_on);
        job.created_at = now;
        auto before = earlier.find(job.key);
        // A definition that changed since (it can't for the same commit, but the planner may be
        // newer) is run again.
        if (before != earlier.end() && before->second.planned == job.planned) {
            const auto& old = before->second;
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
            job.carried_from = old.carried_from ? old.carried_from : old.id.value;
            job.started_at = old.started_at;
            job.finished_at = now.ms;
        } else if (!planned.selected) {
            job.state = *model::next_state(JobState::waiting, JobEvent::deselect);
            job.message = planned.reason;
            job.finished_at = now.ms;
        } else if (plan::starts_at_once(planned)) {
            // Only what would start now is held: the rest waits for it anyway.
            const auto event = fresh.hold.empty() ? JobEvent::needs_met : JobEvent::hold;
            job.state = *model::next_state(JobState::waiting, event);
            job.wait_reason = fresh.hold.empty() ? wait_for_agent(planned) : fresh.hold;
        } else {
            job.wait_reason = wait_for_needs(planned);
        }
        const JobId id = store::insert_job(tx, job);
        kept->jobs.push_back(planned);
        kept->ids.push_back(id);
        if (job.state == JobState::ready) ready.emplace_back(id, i);
    }
    plans_[run.id] = kept;
    plan_order_.push_back(run.id);
    tx.after_rollback([this, id = run.id] {
        plans_.erase(id);
        plan_order_.remove(id);
    });
    while (plan_order_.size() > k_plans_kept) {
        plans_.erase(plan_order_.front());
        plan_order_.pop_front();
    }
    if (reporter_) reporter_(tx, run);
    for (auto& [id, index] : ready) scheduler_.offer(tx, id);
    if (ready.size() != kept->ids.size()) advance(tx, run.id);
    return run.id;
}

std::shared_ptr<const RunPlan> Lifecycle::plan_of(store::Tx& tx, RunId run_id) {
    auto at = plans_.find(run_id);
    if (at != plans_.end()) return at->second;
    auto kept = std::make_shared<RunPlan>();
    auto run = store::find_run(tx, run_id).value();
    kept->event =
        model::event_from_json(json::parse(run.event, {.bytes = 4 << 20, .depth = 64}).value(), "")
            .value();
    for (auto& job : store::jobs_of(tx, run_id)) {
        kept->jobs.push_back(plan::planned_job_from_json(
                                 json::parse(job.planned, {.bytes = 16 << 20, .depth = 64}).value())
                                 .value());
        kept->ids.push_back(job.id);
    }
    plans_[run_id] = kept;
    plan_order_.push_back(run_id);
    while (plan_order_.size() > k_plans_kept) {
        plans_.erase(plan_order_.front());
        plan_order_.pop_front();
    }
    return kept;
}

std::size_t Lifecycle::advance(store::Tx& tx, RunId run_id) {
    const auto run = store::find_run(tx, run_id);
    if (!run || model::is_terminal(run->state)) return 0;
    const auto planned = plan_of(tx, run_id);
    const auto briefs = store::job_briefs(tx, run_id);
    std::vector<plan::JobNow> now(briefs.size());
    for (std::size_t i = 0; i < briefs.size(); ++i) now[i] = {&planned->jobs[i], briefs[i].state};

    const auto hold = store::run_hold(tx, run_id);
    const auto transitions = plan::advance(now, planned->event, run->cancel_requested);
    std::vector<JobId> ready;
    for (const auto& transition : transitions) {
        auto& job = now[transition.job];
        // A held run holds every job at the moment it would become ready, whatever its graph.
        const auto event = transition.event == JobEvent::needs_met && !hold.empty()
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
        next.message = transition.reason;
        change(tx, *run, next);
        job.state = *to;
        if (*to == JobState::ready) ready.push_back(next.id);
    }
    const auto state = plan::run_state(now);
    if (model::is_terminal(state)) {
        store::finish_run(tx, run_id, state, "", clock_.now());
        publish_run(tx, *run, "run.finished", state);
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
    for (auto id : ready) scheduler_.offer(tx, id);
    return transitions.size();
}

void Lifecycle::offer_due(store::Tx& tx) {
    const auto now = service_.now();
    for (auto id : store::due_jobs(tx, now)) scheduler_.offer(tx, id);
    next_due_ = store::next_back_off(tx, now).value_or(INT64_MAX);
}

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

/// Applies the outcome of an attempt that has just ended to its job: retry, or a terminal state,
/// then what follows.
void Lifecycle::end_attempt(store::Tx& tx, const store::Attempt& attempt,
                            const model::Outcome& outcome) {
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
    const std::string retry = retry_class(outcome.cause);
    const bool wants_retry = outcome.result == model::AttemptResult::failed ||
                             outcome.result == model::AttemptResult::errored;
    if (wants_retry && !retry.empty() && !run.cancel_requested && !attempt.cancel_requested &&
        next.from == JobState::running) {
        int used = 0;
        for (std::int64_t epoch = 1; epoch < attempt.epoch; ++epoch) {
            auto before = store::find_attempt_by_epoch(tx, job.id, epoch);
            if (!before || before->outcome.empty()) continue;
            auto value = json::parse(before->outcome);
            if (!value) continue;
            auto earlier = model::outcome_from_json(*value, "");
            if (earlier && retry_class(earlier->cause) == retry) ++used;
        }
        if (used < retry_budget(spec, retry)) {
            const Duration back_off{std::min<std::int64_t>(30'000, 1000LL << std::min(used, 5))};
            next.to = model::next_state(next.from, JobEvent::requeue).value();
            next.not_before = (service_.now() + back_off).ms;
            next.wait_reason = fmt::format("attempt {} ended by {}; retry {} of {} in {}",
                                           attempt.epoch, to_text(outcome.cause), used + 1,
                                           retry_budget(spec, retry), format_duration(back_off));
            change(tx, run, next);
            next_due_ = std::min<std::int64_t>(next_due_, next.not_before);
            return;
        }
    }
    next.to = model::next_state(next.from, end_event(spec, outcome)).value();
    change(tx, run, next);
    advance(tx, attempt.run);
}

Result<model::JobState> Lifecycle::finish(store::Tx& tx, AttemptId id,
                                          const protocol::FinishRequest& request,
                                          const std::string& digest) {
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
    for (const auto& [name, value] : request.outputs) outputs[name] = value;
    store::finish_attempt(tx, id, json::serialize(model::to_json(request.outcome)), digest,
                          request.log_size, request.log_crc32c, clock_.now());
    store::set_job_result(tx, job.id, json::serialize(steps),
                          json::serialize(model::to_json(request.reports)),
                          json::serialize(outputs), request.log_size);
    end_attempt(tx, *attempt, request.outcome);
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

void Lifecycle::cancel_live(store::Tx& tx, const store::Run& run, const store::Job& job,
                            const std::string& why, Cause cause) {
    if (model::is_terminal(job.state)) return;
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
    std::vector<JobId> ready;
    for (const auto& job : store::jobs_of(tx, id)) {
        if (job.state != JobState::held) continue;
        store::JobChange next;
        next.id = job.id;
        next.from = job.state;
        next.to = model::next_state(job.state, JobEvent::approve).value();
        next.wait_reason = "approved by " + by + ", waiting for an agent";
        change(tx, *run, next);
        ready.push_back(job.id);
    }
    if (ready.empty())
        return error(Code::conflict, "nothing_held", "no job of the run waits for an approval");
    store::set_run_hold(tx, id, "");
    store::insert_audit(tx, clock_.now(), by, "run.approve", fmt::format("run {}", id.value),
                        run->sha);
    for (auto job : ready) scheduler_.offer(tx, job);
    return {};
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
