#include "server/store/memos.hpp"

namespace sluice::store {

void insert_memo(Tx& tx, const Memo& memo) {
    tx.exec(
        "INSERT INTO memos(project_id, scope, job, parts, run_id, job_id, attempt_id, at) VALUES "
        "(:a, :b, :c, :d, :e, :f, :g, :h)",
        memo.project, memo.scope, memo.job, memo.parts, memo.run, memo.of, memo.attempt, memo.at);
}

std::optional<Memo> find_memo(Tx& tx, ProjectId project, std::string_view scope,
                              std::string_view job, std::string_view parts, Timestamp since) {
    using S = std::string;
    using I = std::int64_t;
    S sql =
        "SELECT parts, run_id, job_id, attempt_id, at FROM memos WHERE project_id = :a AND scope = "
        ":b AND job = :c AND at >= :d";
    if (!parts.empty()) sql += " AND parts = :e";
    sql += " ORDER BY id DESC LIMIT 1";
    const auto rows = [&](const auto&... more) {
        return tx.all<S, I, I, I, I>(sql, project, scope, job, since, more...);
    };
    auto found = parts.empty() ? rows() : rows(parts);
    if (found.empty()) return std::nullopt;
    auto& [text, run, of, attempt, at] = found.front();
    return Memo{project, S(scope), S(job), std::move(text), {run}, {of}, {attempt}, {at}};
}

void forget_memos(Tx& tx, Timestamp before, std::int64_t limit) {
    tx.exec("DELETE FROM memos WHERE id IN (SELECT id FROM memos WHERE at < :a LIMIT :b)", before,
            limit);
}

}  // namespace sluice::store
