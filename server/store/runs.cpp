#include "server/store/runs.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

model::RunState state_of(const std::string& text) {
    return parse_enum<model::RunState>(text).value();
}

model::Tier tier_of(const std::string& text) {
    return parse_enum<model::Tier>(text).value();
}

}  // namespace

RunId insert_run(Tx& tx, const Run& r) {
    auto row = tx.one<I>(
        "INSERT INTO runs(id, project_id, number, event_kind, branch, tag, sha, target_branch, "
        "pr_number, message, author, actor, "
        "event, state, reason, diagnostics, plan_hash, retry_of, jobs_total, jobs_done, "
        "created_at, finished_at, tier, keep_ms) "
        "VALUES (nullif(:id, 0), :a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k, :l, :m, :n, :o, :p, "
        "nullif(:q, 0), :r, :s, :t, :u, :v, :w) RETURNING id",
        r.id, r.project, r.number, r.event_kind, r.branch, r.tag, r.sha, r.target_branch,
        r.pr_number, r.message, r.author, r.actor, r.event, to_text(r.state), r.reason,
        r.diagnostics, r.plan_hash, r.retry_of, r.jobs_total, r.jobs_done, r.created_at,
        r.finished_at, to_text(r.tier), r.keep_ms);
    return {std::get<0>(*row)};
}

RunId newest_run(Tx& tx) {
    return {std::get<0>(*tx.one<std::optional<I>>("SELECT max(id) FROM runs")).value_or(0)};
}

int retries_before(Tx& tx, RunId id) {
    return static_cast<int>(std::get<0>(
        *tx.one<I>("WITH RECURSIVE chain(id) AS (SELECT retry_of FROM runs WHERE id = :a UNION ALL "
                   "SELECT r.retry_of FROM runs r JOIN chain c ON r.id = c.id) "
                   "SELECT count(id) FROM chain",
                   id)));
}

std::optional<Run> find_run(Tx& tx, RunId id) {
    auto row = tx.one<I, I, I, S, S, S, S, S, I, S, S, S, S, S, S, S, S, I, I, I, I, I,
                      std::optional<I>, S, S, I>(
        "SELECT r.id, r.project_id, r.number, r.event_kind, r.branch, r.tag, r.sha, "
        "r.target_branch, r.pr_number, r.message, "
        "r.author, r.actor, r.event, r.state, r.reason, r.diagnostics, r.plan_hash, "
        "coalesce(r.retry_of, 0), "
        "r.cancel_requested, r.jobs_total, r.jobs_done, r.created_at, r.finished_at, p.name, "
        "r.tier, r.keep_ms FROM runs r "
        "JOIN projects p ON p.id = r.project_id WHERE r.id = :a",
        id);
    if (!row) return std::nullopt;
    auto& [rid, pid, number, kind, branch, tag, sha, target, pr, message, author, actor, event,
           state, reason, diagnostics, hash, retry, cancel, total, done, created, finished, name,
           tier, keep] = *row;
    return Run{{rid},     {pid},       number,  kind,          branch,      tag,   sha,
               target,    pr,          message, author,        actor,       event, state_of(state),
               reason,    diagnostics, hash,    retry,         cancel != 0, total, done,
               {created}, finished,    name,    tier_of(tier), keep};
}

std::vector<Run> list_runs(Tx& tx, const RunFilter& f) {
    // One statement per filter, so that each walks its own index.
    std::string sql =
        "SELECT r.id, r.project_id, r.number, r.event_kind, r.branch, r.tag, r.sha, "
        "r.target_branch, r.pr_number, r.message, "
        "r.author, r.actor, r.state, r.reason, coalesce(r.retry_of, 0), r.cancel_requested, "
        "r.jobs_total, r.jobs_done, "
        "r.created_at, r.finished_at, p.name, r.tier FROM runs r JOIN projects p ON p.id = "
        "r.project_id WHERE r.id < :before";
    if (f.project) sql += " AND r.project_id = :project";
    if (!f.branch.empty()) sql += " AND r.branch = :branch";
    if (!f.sha.empty()) sql += " AND r.sha = :sha";
    sql += " ORDER BY r.id DESC LIMIT :limit";
    const I before = f.before > 0 ? f.before : INT64_MAX;
    auto rows = [&](const auto&... args) {
        return tx
            .all<I, I, I, S, S, S, S, S, I, S, S, S, S, S, I, I, I, I, I, std::optional<I>, S, S>(
                sql, args...);
    };
    auto found = [&] {
        if (f.project && !f.branch.empty() && !f.sha.empty())
            return rows(before, *f.project, f.branch, f.sha, f.limit);
        if (f.project && !f.branch.empty()) return rows(before, *f.project, f.branch, f.limit);
        if (f.project && !f.sha.empty()) return rows(before, *f.project, f.sha, f.limit);
        if (f.project) return rows(before, *f.project, f.limit);
        return rows(before, f.limit);
    }();
    std::vector<Run> out;
    out.reserve(found.size());
    for (auto& [rid, pid, number, kind, branch, tag, sha, target, pr, message, author, actor, state,
                reason, retry, cancel, total, done, created, finished, name, tier] : found)
        out.push_back(Run{{rid},
                          {pid},
                          number,
                          std::move(kind),
                          std::move(branch),
                          std::move(tag),
                          std::move(sha),
                          std::move(target),
                          pr,
                          std::move(message),
                          std::move(author),
                          std::move(actor),
                          {},
                          state_of(state),
                          std::move(reason),
                          {},
                          {},
                          retry,
                          cancel != 0,
                          total,
                          done,
                          {created},
                          finished,
                          std::move(name),
                          tier_of(tier)});
    return out;
}

std::vector<RunId> active_runs(Tx& tx) {
    std::vector<RunId> out;
    for (auto& [id] : tx.all<I>("SELECT id FROM runs WHERE state = 'active' ORDER BY id"))
        out.push_back({id});
    return out;
}

std::vector<Run> active_runs_of(Tx& tx, ProjectId project, std::string_view branch) {
    std::vector<Run> out;
    for (auto& [id, number, kind, sha, pull] : tx.all<I, I, S, S, I>(
             "SELECT id, number, event_kind, sha, pr_number FROM runs WHERE project_id = :a AND "
             "branch = :b AND state = 'active' ORDER BY id",
             project, branch)) {
        Run run;
        run.id = {id};
        run.project = project;
        run.number = number;
        run.event_kind = std::move(kind);
        run.sha = std::move(sha);
        run.pr_number = pull;
        out.push_back(std::move(run));
    }
    return out;
}

void finish_run(Tx& tx, RunId id, model::RunState state, std::string_view reason, Timestamp at) {
    tx.exec(
        "UPDATE runs SET state = :a, reason = :b, finished_at = :c, jobs_done = jobs_total WHERE "
        "id = :d AND state = 'active'",
        to_text(state), reason, at, id);
}

void set_run_progress(Tx& tx, RunId id, std::int64_t done) {
    tx.exec("UPDATE runs SET jobs_done = :a WHERE id = :b", done, id);
}

void add_run_jobs(Tx& tx, RunId id, std::int64_t more) {
    tx.exec("UPDATE runs SET jobs_total = jobs_total + :a WHERE id = :b", more, id);
}

void set_run_diagnostics(Tx& tx, RunId id, std::string_view diagnostics) {
    tx.exec("UPDATE runs SET diagnostics = :a WHERE id = :b", diagnostics, id);
}

std::string run_hold(Tx& tx, RunId id) {
    return std::get<0>(tx.one<S>("SELECT hold FROM runs WHERE id = :a", id).value());
}

void set_run_hold(Tx& tx, RunId id, std::string_view reason) {
    tx.exec("UPDATE runs SET hold = :a WHERE id = :b", reason, id);
}

void set_run_tier(Tx& tx, RunId id, model::Tier tier) {
    tx.exec("UPDATE runs SET tier = :a WHERE id = :b", to_text(tier), id);
}

void request_run_cancel(Tx& tx, RunId id) {
    tx.exec("UPDATE runs SET cancel_requested = 1 WHERE id = :a", id);
}

}  // namespace sluice::store
