#include "server/store/approvals.hpp"

namespace sluice::store {

namespace {

using I = std::int64_t;
using S = std::string;
using OI = std::optional<std::int64_t>;

}  // namespace

void insert_approval(Tx& tx, const ApprovalRow& row) {
    tx.exec(
        "INSERT INTO approvals (job_id, expires_at, spec_hash, not_before, outdated_by) VALUES "
        "(:a, :b, :c, :d, :e)",
        row.job, row.expires_at, row.spec_hash, row.not_before, row.outdated_by);
}

std::optional<ApprovalRow> find_approval(Tx& tx, JobId job) {
    auto row = tx.one<I, I, S, S, S, S, OI, OI, I>(
        "SELECT job_id, expires_at, spec_hash, decision, decided_by, reason, decided_at, "
        "not_before, outdated_by FROM approvals WHERE job_id = :a",
        job);
    if (!row) return std::nullopt;
    auto& [id, expires, hash, decision, by, reason, at, not_before, outdated] = *row;
    return ApprovalRow{
        {id}, {expires},  std::move(hash), std::move(decision), std::move(by), std::move(reason),
        at,   not_before, outdated};
}

void decide_approval(Tx& tx, JobId job, std::string_view decision, std::string_view by,
                     std::string_view reason, Timestamp at) {
    tx.exec(
        "UPDATE approvals SET decision = :a, decided_by = :b, reason = :c, decided_at = :d WHERE "
        "job_id = :e AND decision = ''",
        decision, by, reason, at, job);
}

void set_outdated(Tx& tx, JobId job, std::int64_t run_number) {
    tx.exec("UPDATE approvals SET outdated_by = :a WHERE job_id = :b", run_number, job);
    tx.exec("DELETE FROM approval_votes WHERE job_id = :a", job);
}

std::vector<JobId> expired_approvals(Tx& tx, Timestamp now) {
    std::vector<JobId> out;
    for (auto& [id] :
         tx.all<I>("SELECT job_id FROM approvals WHERE decision = '' AND expires_at <= :a", now))
        out.push_back({id});
    return out;
}

std::vector<JobId> take_waited_approvals(Tx& tx, Timestamp now) {
    std::vector<JobId> out;
    for (auto& [id] :
         tx.all<I>("UPDATE approvals SET not_before = NULL WHERE decision = '' AND not_before IS "
                   "NOT NULL AND not_before <= :a RETURNING job_id",
                   now))
        out.push_back({id});
    return out;
}

std::optional<Timestamp> next_approval_time(Tx& tx) {
    const auto soonest = std::get<0>(
        *tx.one<OI>("SELECT min(coalesce(not_before, expires_at)) FROM approvals WHERE decision = "
                    "''"));
    if (!soonest) return std::nullopt;
    return Timestamp{*soonest};
}

bool insert_vote(Tx& tx, JobId job, const Vote& vote) {
    return tx.exec(
               "INSERT INTO approval_votes (job_id, person, role) VALUES (:a, :b, :c) ON CONFLICT "
               "(job_id, person) DO NOTHING",
               job, vote.person, vote.role) > 0;
}

std::vector<Vote> votes_of(Tx& tx, JobId job) {
    std::vector<Vote> out;
    for (auto& [person, role] : tx.all<S, S>(
             "SELECT person, role FROM approval_votes WHERE job_id = :a ORDER BY person", job))
        out.push_back({std::move(person), std::move(role)});
    return out;
}

}  // namespace sluice::store
