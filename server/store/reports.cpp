#include "server/store/reports.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

/// Runs on a branch itself, not of pull requests from it.
constexpr const char* k_on_branch = "r.event_kind NOT IN ('pull_request', 'merge_queue', 'tag')";

}  // namespace

void put_metrics(Tx& tx, const JobMetrics& m) {
    tx.exec(
        "INSERT INTO report_metrics(run_id, key, project_id, job_id, metrics) VALUES (:a, :b, :c, "
        ":d, :e) ON CONFLICT (run_id, key) DO UPDATE SET job_id = excluded.job_id, metrics = "
        "excluded.metrics",
        m.run, m.key, m.project, m.job, m.metrics);
}

std::optional<std::string> find_metrics(Tx& tx, RunId run, std::string_view key) {
    auto row =
        tx.one<S>("SELECT metrics FROM report_metrics WHERE run_id = :a AND key = :b", run, key);
    if (!row) return std::nullopt;
    return std::move(std::get<0>(*row));
}

std::vector<JobMetrics> metric_history(Tx& tx, const MetricFilter& filter) {
    std::vector<JobMetrics> out;
    for (auto& [run, job, metrics, number, sha, at] : tx.all<I, I, S, I, S, I>(
             S("SELECT m.run_id, m.job_id, m.metrics, r.number, r.sha, r.created_at FROM "
               "report_metrics m JOIN runs r ON r.id = m.run_id WHERE m.project_id = :a AND m.key "
               "= :b AND r.branch = :c AND ") +
                 k_on_branch + " ORDER BY m.run_id DESC LIMIT :d",
             filter.project, filter.key, filter.branch, filter.limit))
        out.push_back({filter.project,
                       filter.key,
                       {run},
                       {job},
                       std::move(metrics),
                       number,
                       std::move(sha),
                       {at}});
    return out;
}

std::vector<std::string> metric_keys(Tx& tx, ProjectId project, std::string_view branch) {
    std::vector<std::string> out;
    // Of the newest runs only: a job that was renamed long ago is no choice any more.
    for (auto& [key] : tx.all<S>(
             S("SELECT DISTINCT m.key FROM report_metrics m WHERE m.run_id IN (SELECT r.id FROM "
               "runs r WHERE r.project_id = :a AND r.branch = :b AND ") +
                 k_on_branch + " ORDER BY r.id DESC LIMIT 50) ORDER BY m.key LIMIT 200",
             project, branch))
        out.push_back(std::move(key));
    return out;
}

void insert_test_failure(Tx& tx, const TestFailure& f) {
    tx.exec(
        "INSERT INTO test_failures(project_id, key, suite, name, sha, run_id, job_id, attempt_id, "
        "flaky, message, at) VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k) ON CONFLICT "
        "(attempt_id, suite, name) DO NOTHING",
        f.project, f.key, f.suite, f.name, f.sha, f.run, f.job, f.attempt, f.flaky ? 1 : 0,
        f.message, f.at);
}

std::vector<TestFailure> failures_at(Tx& tx, ProjectId project, std::string_view key,
                                     std::string_view sha) {
    std::vector<TestFailure> out;
    for (auto& [suite, name, run, job, attempt, flaky, message, at] :
         tx.all<S, S, I, I, I, I, S, I>(
             "SELECT suite, name, run_id, job_id, attempt_id, flaky, message, at FROM "
             "test_failures WHERE project_id = :a AND key = :b AND sha = :c ORDER BY id LIMIT 5000",
             project, key, sha))
        out.push_back({project,
                       S(key),
                       std::move(suite),
                       std::move(name),
                       S(sha),
                       {run},
                       {job},
                       {attempt},
                       flaky != 0,
                       std::move(message),
                       {at}});
    return out;
}

void mark_flaky(Tx& tx, const TestFailure& f) {
    tx.exec(
        "UPDATE test_failures SET flaky = 1 WHERE project_id = :a AND key = :b AND sha = :c AND "
        "suite = :d AND name = :e",
        f.project, f.key, f.sha, f.suite, f.name);
}

void forget_failures(Tx& tx, ProjectId project, Timestamp before) {
    tx.exec("DELETE FROM test_failures WHERE project_id = :a AND at < :b", project, before);
}

std::vector<TestRecord> test_records(Tx& tx, ProjectId project, std::string_view key,
                                     Timestamp since, bool only_flaky, std::int64_t limit) {
    // SQLite gives a bare column the value of the row that max() chose.
    S sql =
        "SELECT key, suite, name, count(*), count(DISTINCT sha), count(DISTINCT CASE WHEN flaky = "
        "1 THEN sha END), max(id), run_id, job_id, message, at FROM test_failures WHERE project_id "
        "= :a AND at >= :b";
    if (!key.empty()) sql += " AND key = :key";
    sql += " GROUP BY key, suite, name";
    if (only_flaky) sql += " HAVING max(flaky) = 1";
    sql += " ORDER BY 6 DESC, 4 DESC, key, suite, name LIMIT :limit";
    auto rows = [&](const auto&... args) {
        return tx.all<S, S, S, I, I, I, I, I, I, S, I>(sql, args...);
    };
    auto found = key.empty() ? rows(project, since, limit) : rows(project, since, key, limit);
    std::vector<TestRecord> out;
    for (auto& [job_key, suite, name, failures, commits, flaky, newest, run, job, message, at] :
         found)
        out.push_back({std::move(job_key),
                       std::move(suite),
                       std::move(name),
                       failures,
                       commits,
                       flaky,
                       {run},
                       {job},
                       std::move(message),
                       {at}});
    return out;
}

std::vector<AttemptId> attempts_at(Tx& tx, ProjectId project, std::string_view key,
                                   std::string_view sha, AttemptId except, std::int64_t limit) {
    std::vector<AttemptId> out;
    for (auto& [id] : tx.all<I>(
             "SELECT a.id FROM runs r JOIN jobs j ON j.run_id = r.id JOIN attempts a ON a.job_id = "
             "j.id WHERE r.project_id = :a AND r.sha = :b AND (j.key = :c OR j.shard_of = :c) AND "
             "a.id <> :d AND a.state = 'finished' ORDER BY a.id DESC LIMIT :e",
             project, sha, key, except, limit))
        out.push_back({id});
    return out;
}

}  // namespace sluice::store
