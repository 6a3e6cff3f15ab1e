#include "server/store/approvals.hpp"

namespace sluice::store {

namespace {

using I = std::int64_t;
using S = std::string;
using OI = std::optional<std::int64_t>;

}  // namespace

void insert_approval(Tx& tx, const ApprovalRow& row) {
    tx.exec("INSERT INTO approvals (job_id, expires_at, spec_hash) VALUES (:a, :b, :c)", row.job,
            row.expires_at, row.spec_hash);
}

std::optional<ApprovalRow> find_approval(Tx& tx, JobId job) {
    auto row = tx.one<I, I, S, S, S, S, OI>(
        "SELECT job_id, expires_at, spec_hash, decision, decided_by, reason, decided_at FROM "
        "approvals WHERE job_id = :a",
        job);
    if (!row) return std::nullopt;
    auto& [id, expires, hash, decision, by, reason, at] = *row;
    return ApprovalRow{
        {id}, {expires}, std::move(hash), std::move(decision), std::move(by), std::move(reason),
        at};
}

void decide_approval(Tx& tx, JobId job, std::string_view decision, std::string_view by,
                     std::string_view reason, Timestamp at) {
    tx.exec(
        "UPDATE approvals SET decision = :a, decided_by = :b, reason = :c, decided_at = :d WHERE "
        "job_id = :e AND decision = ''",
        decision, by, reason, at, job);
}

std::vector<JobId> expired_approvals(Tx& tx, Timestamp now) {
    std::vector<JobId> out;
    for (auto& [id] :
         tx.all<I>("SELECT job_id FROM approvals WHERE decision = '' AND expires_at <= :a", now))
        out.push_back({id});
    return out;
}

std::optional<Timestamp> next_approval_expiry(Tx& tx) {
    const auto soonest =
        std::get<0>(*tx.one<OI>("SELECT min(expires_at) FROM approvals WHERE decision = ''"));
    if (!soonest) return std::nullopt;
    return Timestamp{*soonest};
}

}  // namespace sluice::store
