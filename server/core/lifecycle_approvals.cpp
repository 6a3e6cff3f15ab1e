// Lifecycle: jobs that wait for a person's word (reference A3 `approval`, A6 step 7).
#include "pipelines/plan/hash.hpp"
#include "server/core/lifecycle.hpp"
#include "server/core/wait_reason.hpp"
#include "server/store/approvals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::core {

using model::Cause;
using model::JobEvent;
using model::JobState;

namespace {

constexpr std::array<std::string_view, 3> k_roles{"read", "write", "admin"};

/// Position in k_roles; nothing for the name of a person.
std::optional<std::ptrdiff_t> rank(std::string_view role) {
    const auto at = std::find(k_roles.begin(), k_roles.end(), role);
    if (at == k_roles.end()) return std::nullopt;
    return at - k_roles.begin();
}

/// `by` names people, and roles from which on it is allowed; without `by` the role `write` is
/// enough.
bool may_decide(const model::Approval& asked, const Lifecycle::Decision& decision) {
    const auto own = rank(decision.role).value_or(0);
    if (asked.by.empty()) return own >= rank("write");
    return std::any_of(asked.by.begin(), asked.by.end(), [&](const std::string& who) {
        const auto wanted = rank(who);
        return wanted ? own >= *wanted : who == decision.by;
    });
}

std::string people(const model::Approval& asked) {
    std::string text;
    for (const auto& who : asked.by) text += (text.empty() ? "" : ", ") + who;
    return text.empty() ? "someone with the role write" : text;
}

}  // namespace

void Lifecycle::hold_for_approval(store::Tx& tx, JobId job, const model::JobSpec& spec) {
    store::ApprovalRow row;
    row.job = job;
    row.expires_at = {clock_.now().ms + spec.approval->expires.count()};
    row.spec_hash = plan::hash_job(spec);
    store::insert_approval(tx, row);
    store::set_wait_reason(tx, job,
                           fmt::format("waits for an approval by {}{}", people(*spec.approval),
                                       spec.approval->reason_required ? ", with a reason" : ""));
    next_expiry_ = std::min<std::int64_t>(next_expiry_, row.expires_at.ms);
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
    const auto& spec = planned_of(tx, job->run, id).spec;
    if (!may_decide(*spec.approval, decision))
        return error(Code::forbidden, "not_allowed",
                     fmt::format("only {} may decide about this job", people(*spec.approval)));
    if (spec.approval->reason_required && decision.reason.empty())
        return error(Code::invalid, "reason_required", "this job asks for a reason", "/reason");
    if (row->spec_hash != plan::hash_job(spec))
        return error(Code::conflict, "plan_changed",
                     "what the job would do has changed since it was held");
    const auto run = store::find_run(tx, job->run).value();
    store::decide_approval(tx, id, decision.approved ? "approved" : "rejected", decision.by,
                           decision.reason, clock_.now());
    store::insert_audit(tx, clock_.now(), decision.by,
                        decision.approved ? "job.approve" : "job.reject",
                        fmt::format("job {}", id.value), decision.reason);
    const auto why =
        fmt::format("{} by {}{}", decision.approved ? "approved" : "rejected", decision.by,
                    decision.reason.empty() ? "" : ": " + decision.reason);
    if (!decision.approved) {
        end_cancelled(tx, run, *job, why, Cause::cancelled);
        advance(tx, job->run);
        return {};
    }
    store::JobChange next;
    next.id = id;
    next.from = job->state;
    next.to = model::next_state(job->state, JobEvent::approve).value();
    next.wait_reason = why + ", waiting for an agent";
    change(tx, run, next);
    offer(tx, run, id, planned_of(tx, job->run, id));
    return {};
}

void Lifecycle::expire_approvals(store::Tx& tx) {
    for (auto id : store::expired_approvals(tx, clock_.now())) {
        store::decide_approval(tx, id, "expired", "", "", clock_.now());
        const auto job = store::find_job(tx, id).value();
        if (job.state != JobState::held) continue;  // cancelled meanwhile
        const auto run = store::find_run(tx, job.run).value();
        end_cancelled(tx, run, job, "nobody approved it in time", Cause::cancelled);
        advance(tx, job.run);
    }
    const auto next = store::next_approval_expiry(tx);
    next_expiry_ = next ? next->ms : INT64_MAX;
}

}  // namespace sluice::core
