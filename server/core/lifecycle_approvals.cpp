// Lifecycle: jobs that wait for a person's word, or for the time that an environment asks for
// (reference A3 `approval` and `environment`, A6 steps 7 and 8).
#include "pipelines/plan/hash.hpp"
#include "server/core/environments.hpp"
#include "server/core/lifecycle.hpp"
#include "server/core/wait_reason.hpp"
#include "server/store/approvals.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

using model::Cause;
using model::JobEvent;
using model::JobState;

namespace {

/// What a held job waits for, for people.
std::string held_for(const Demands& demands, const store::ApprovalRow& row,
                     const std::vector<store::Vote>& votes, const model::JobSpec& spec) {
    std::string text;
    if (row.outdated_by != 0)
        text = fmt::format("run #{} has deployed to {} since: ", row.outdated_by,
                           spec.environment->name);
    const auto missing = unmet(demands, votes);
    if (!missing.empty())
        text += fmt::format("waits for {}{}", to_words(missing),
                            demands.reason_required ? ", with a reason" : "");
    std::string people;
    for (const auto& vote : votes) people += (people.empty() ? "" : ", ") + vote.person;
    if (!people.empty())
        text += fmt::format("{}approved by {}", missing.empty() ? "" : "; so far ", people);
    if (row.not_before) {
        text += text.empty() ? "" : "; ";
        text += fmt::format("environment {} lets it go at {}", spec.environment->name,
                            format_timestamp({*row.not_before}));
    }
    return text;
}

}  // namespace

bool Lifecycle::must_be_held(store::Tx& tx, const store::Run& run, const model::JobSpec& spec) {
    if (!spec.approval && !spec.environment) return false;
    return demands_of(tx, run, spec, outdated_by(tx, run, spec)).any();
}

void Lifecycle::hold_for_approval(store::Tx& tx, const store::Run& run, JobId job,
                                  const model::JobSpec& spec) {
    store::ApprovalRow row;
    row.job = job;
    row.outdated_by = outdated_by(tx, run, spec);
    const Demands demands = demands_of(tx, run, spec, row.outdated_by);
    const std::int64_t now = clock_.now().ms;
    // Who has no one to ask goes when the time has come, and must not have expired by then.
    row.expires_at = {now + demands.expires.count() + demands.wait.count()};
    if (demands.wait.count() > 0) row.not_before = now + demands.wait.count();
    row.spec_hash = plan::hash_job(spec);
    store::insert_approval(tx, row);
    store::set_wait_reason(tx, job, held_for(demands, row, {}, spec));
    next_expiry_ = std::min<std::int64_t>(next_expiry_, row.not_before.value_or(row.expires_at.ms));
}

Result<> Lifecycle::decide_job(store::Tx& tx, JobId id, const Decision& decision) {
    const auto job = store::find_job(tx, id);
    if (!job) return error(Code::not_found, "not_found", "no such job");
    if (job->state != JobState::held)
        return error(Code::conflict, "not_held",
                     fmt::format("the job waits for nobody: it is {}", to_text(job->state)));
    const auto row = store::find_approval(tx, id);
    if (!row)
        return error(Code::conflict, "run_held",
                     "the run is held as a whole: approve or cancel the run");
    const auto run = store::find_run(tx, job->run).value();
    const auto& spec = planned_of(tx, job->run, id).spec;
    const Demands demands = demands_of(tx, run, spec, row->outdated_by);
    const store::Vote vote{decision.by, decision.role};
    if (!may_decide(demands, vote)) {
        std::vector<std::string> who;
        for (const auto& demand : demands.people)
            who.push_back(demand.by.empty() ? "someone with the role write"
                                            : fmt::format("{}", fmt::join(demand.by, ", ")));
        return error(Code::forbidden, "not_allowed",
                     fmt::format("only {} may decide about this job",
                                 who.empty() ? "someone with the role write"
                                             : fmt::format("{}", fmt::join(who, ", "))));
    }
    if (decision.approved && demands.people.empty() && row->not_before)
        return error(Code::conflict, "waits_for_time",
                     fmt::format("nobody is asked: the job goes by itself at {}",
                                 format_timestamp({*row->not_before})));
    if (demands.reason_required && decision.reason.empty())
        return error(Code::invalid, "reason_required", "this job asks for a reason", "/reason");
    if (row->spec_hash != plan::hash_job(spec))
        return error(Code::conflict, "plan_changed",
                     "what the job would do has changed since it was held");
    const auto audit = [&] {
        store::insert_audit(tx, clock_.now(), decision.by,
                            decision.approved ? "job.approve" : "job.reject",
                            fmt::format("job {}", id.value), decision.reason);
    };
    if (!decision.approved) {
        audit();
        store::decide_approval(tx, id, "rejected", decision.by, decision.reason, clock_.now());
        end_cancelled(tx, run, *job,
                      fmt::format("rejected by {}{}", decision.by,
                                  decision.reason.empty() ? "" : ": " + decision.reason),
                      Cause::cancelled);
        advance(tx, job->run);
        return {};
    }
    if (!store::insert_vote(tx, id, vote)) {
        const auto missing = unmet(demands, store::votes_of(tx, id));
        // Nothing is missing when the environment asks for less than it did when they agreed.
        if (!missing.empty())
            return error(Code::conflict, "already_approved",
                         fmt::format("{} has approved it already; it waits for {}", decision.by,
                                     to_words(missing)));
    }
    audit();
    let_go(tx, run, *job, decision.reason);
    return {};
}

void Lifecycle::let_go(store::Tx& tx, const store::Run& run, const store::Job& job,
                       const std::string& reason) {
    auto row = store::find_approval(tx, job.id).value();
    const auto& planned = planned_of(tx, run.id, job.id);
    auto votes = store::votes_of(tx, job.id);
    Demands demands = demands_of(tx, run, planned.spec, row.outdated_by);
    if (unmet(demands, votes).empty() && row.outdated_by == 0) {
        // Who agreed did not know of the newer run: going back takes a word of its own.
        row.outdated_by = outdated_by(tx, run, planned.spec);
        if (row.outdated_by != 0) {
            store::set_outdated(tx, job.id, row.outdated_by);
            votes.clear();
            demands = demands_of(tx, run, planned.spec, row.outdated_by);
        }
    }
    if (!unmet(demands, votes).empty() || row.not_before) {
        store::set_wait_reason(tx, job.id, held_for(demands, row, votes, planned.spec));
        feed_.publish(tx, {{},
                           "job.changed",
                           run.project,
                           run.id,
                           job.id,
                           std::string(to_text(job.state)),
                           clock_.now()});
        return;
    }
    std::string people;
    for (const auto& vote : votes) people += (people.empty() ? "" : ", ") + vote.person;
    store::decide_approval(tx, job.id, "approved", people, reason, clock_.now());
    store::JobChange next;
    next.id = job.id;
    next.from = job.state;
    next.to = model::next_state(job.state, JobEvent::approve).value();
    if (!people.empty())
        next.wait_reason =
            fmt::format("approved by {}{}, ", people, reason.empty() ? "" : ": " + reason);
    next.wait_reason += "waiting for an agent";
    change(tx, run, next);
    offer(tx, run, job.id, planned);
}

void Lifecycle::expire_approvals(store::Tx& tx) {
    const auto held = [&](JobId id) -> std::optional<store::Job> {
        auto job = store::find_job(tx, id).value();
        if (job.state != JobState::held) return std::nullopt;  // cancelled meanwhile
        return job;
    };
    for (auto id : store::take_waited_approvals(tx, clock_.now()))
        if (const auto job = held(id)) let_go(tx, store::find_run(tx, job->run).value(), *job, "");
    for (auto id : store::expired_approvals(tx, clock_.now())) {
        store::decide_approval(tx, id, "expired", "", "", clock_.now());
        const auto job = held(id);
        if (!job) continue;
        const auto run = store::find_run(tx, job->run).value();
        end_cancelled(tx, run, *job, "nobody approved it in time", Cause::cancelled);
        advance(tx, job->run);
    }
    // What a transaction that is undone has done is due at once.
    tx.after_rollback([this] { next_expiry_ = 0; });
    const auto next = store::next_approval_time(tx);
    next_expiry_ = next ? next->ms : INT64_MAX;
}

}  // namespace sluice::core
