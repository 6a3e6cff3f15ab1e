#include "server/store/jobs.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;
using OI = std::optional<std::int64_t>;

constexpr const char* k_columns =
    "SELECT id, run_id, key, base, name, kind, shard_of, planned, spec, state, queue_key, "
    "priority, attempt_id, attempts, wait_reason, cause, "
    "message, exit_code, not_before, steps, reports, outputs, log_attempt, log_size, agent, "
    "coalesce(carried_from, 0), base_job, expands, "
    "created_at, started_at, finished_at FROM jobs ";

template <class... Keys>
std::vector<Job> select(Tx& tx, std::string_view where, const Keys&... keys) {
    std::vector<Job> out;
    for (auto& row : tx.all<I, I, S, S, S, S, S, S, S, S, S, I, I, I, S, S, S, OI, I, S, S, S, I, I,
                            S, I, I, I, I, OI, OI>(k_columns + std::string(where), keys...)) {
        auto& [id, run, job_key, base, name, kind, shard_of, planned, spec, state, queue, priority,
               attempt, attempts, wait, cause, message, exit, not_before, steps, reports, outputs,
               log_attempt, log_size, agent, carried, base_job, expands, created, started,
               finished] = row;
        out.push_back(Job{{id},
                          {run},
                          std::move(job_key),
                          std::move(base),
                          std::move(name),
                          std::move(kind),
                          std::move(shard_of),
                          std::move(planned),
                          std::move(spec),
                          parse_enum<model::JobState>(state).value(),
                          std::move(queue),
                          priority,
                          {attempt},
                          attempts,
                          std::move(wait),
                          parse_enum<model::Cause>(cause).value_or(model::Cause::none),
                          std::move(message),
                          exit,
                          not_before,
                          std::move(steps),
                          std::move(reports),
                          std::move(outputs),
                          {log_attempt},
                          log_size,
                          std::move(agent),
                          carried,
                          {base_job},
                          expands != 0,
                          {created},
                          started,
                          finished});
    }
    return out;
}

}  // namespace

JobId insert_job(Tx& tx, const Job& j) {
    auto row = tx.one<I>(
        "INSERT INTO jobs(run_id, key, base, name, kind, shard_of, planned, spec, state, "
        "queue_key, "
        "priority, "
        "wait_reason, message, cause, "
        "exit_code, steps, reports, outputs, log_attempt, log_size, agent, carried_from, expands, "
        "created_at, started_at, finished_at) "
        "VALUES (:a, :b, :c, :d, :e, :shard_of, :f, :f2, :g, :h, :i, :j, :k, :l, :m, :n, :o, :p, "
        ":q, :r, :s, nullif(:t, 0), :x, :u, :v, :w) RETURNING id",
        j.run, j.key, j.base, j.name, j.kind, j.shard_of, j.planned, j.spec, to_text(j.state),
        j.queue_key, j.priority, j.wait_reason, j.message, to_text(j.cause), j.exit_code, j.steps,
        j.reports, j.outputs, j.log_attempt, j.log_size, j.agent, j.carried_from, I{j.expands},
        j.created_at, j.started_at, j.finished_at);
    return {std::get<0>(*row)};
}

std::optional<Job> find_job(Tx& tx, JobId id) {
    auto rows = select(tx, "WHERE id = :a", id);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

bool has_expanding_jobs(Tx& tx, RunId run) {
    return tx
        .one<I>(
            "SELECT 1 FROM jobs WHERE run_id = :a AND expands = 1 AND state = 'waiting' LIMIT 1",
            run)
        .has_value();
}

void replace_job(Tx& tx, JobId id, const Job& cell) {
    tx.exec(
        "UPDATE jobs SET key = :a, name = :b, kind = :c, shard_of = :d, planned = :e, queue_key = "
        ":f, wait_reason = :g, expands = 0 WHERE id = :h AND expands = 1",
        cell.key, cell.name, cell.kind, cell.shard_of, cell.planned, cell.queue_key,
        cell.wait_reason, id);
}

std::vector<Job> jobs_of(Tx& tx, RunId run) {
    return select(tx, "WHERE run_id = :a ORDER BY id", run);
}

std::vector<BrokenJob> broken_jobs(Tx& tx, RunId run, std::int64_t limit) {
    std::vector<BrokenJob> out;
    for (auto& [key, message] :
         tx.all<S, S>("SELECT key, message FROM jobs WHERE run_id = :a AND state IN ('failed', "
                      "'errored') ORDER BY id LIMIT :b",
                      run, limit))
        out.push_back({std::move(key), std::move(message)});
    return out;
}

std::vector<Job> shards_of(Tx& tx, RunId run, std::string_view shard_of) {
    return select(tx, "WHERE run_id = :a AND shard_of = :b ORDER BY id", run, shard_of);
}

void set_base_job(Tx& tx, JobId id, JobId base) {
    tx.exec("UPDATE jobs SET base_job = :a WHERE id = :b", base, id);
}

std::vector<JobBrief> job_briefs(Tx& tx, RunId run) {
    std::vector<JobBrief> out;
    for (auto& [id, state, attempt, not_before] : tx.all<I, S, I, I>(
             "SELECT id, state, attempt_id, not_before FROM jobs WHERE run_id = :a ORDER BY id",
             run))
        out.push_back({{id}, parse_enum<model::JobState>(state).value(), {attempt}, not_before});
    return out;
}

bool change_job(Tx& tx, const JobChange& c) {
    const bool terminal = model::is_terminal(c.to);
    return tx.exec(
               "UPDATE jobs SET state = :a, wait_reason = :b, cause = :c, message = :d, exit_code "
               "= :e, not_before = :f, "
               "finished_at = :g, attempt_id = CASE WHEN :h = 1 THEN 0 ELSE attempt_id END WHERE "
               "id = :i AND state = :j",
               to_text(c.to), terminal ? std::string_view{} : std::string_view{c.wait_reason},
               to_text(c.cause), c.message, c.exit_code, c.not_before,
               terminal ? OI{c.now.ms} : OI{}, terminal || c.to == model::JobState::ready ? 1 : 0,
               c.id, to_text(c.from)) == 1;
}

std::vector<JobId> ready_jobs(Tx& tx, std::string_view queue_key, ServiceTime now,
                              std::int64_t limit) {
    std::vector<JobId> out;
    for (auto& [id] : tx.all<I>("SELECT id FROM jobs WHERE state = 'ready' AND attempt_id = 0 AND "
                                "queue_key = :a AND not_before <= :b "
                                "ORDER BY priority DESC, id LIMIT :c",
                                queue_key, now, limit))
        out.push_back({id});
    return out;
}

std::vector<std::string> ready_keys(Tx& tx) {
    std::vector<std::string> out;
    // A skip scan over the partial index: as cheap as there are keys, not jobs.
    std::string last;
    while (true) {
        auto row =
            last.empty() && out.empty()
                ? tx.one<std::optional<S>>(
                      "SELECT min(queue_key) FROM jobs WHERE state = 'ready' AND attempt_id = 0")
                : tx.one<std::optional<S>>(
                      "SELECT min(queue_key) FROM jobs WHERE state = 'ready' AND attempt_id = 0 "
                      "AND queue_key > :a",
                      last);
        if (!row || !std::get<0>(*row)) return out;
        last = *std::get<0>(*row);
        out.push_back(last);
    }
}

std::vector<std::pair<std::string, std::int64_t>> ready_counts(Tx& tx) {
    std::vector<std::pair<std::string, std::int64_t>> out;
    for (auto& [key, count] :
         tx.all<S, I>("SELECT queue_key, count(*) FROM jobs WHERE state = 'ready' AND attempt_id = "
                      "0 GROUP BY queue_key ORDER BY queue_key"))
        out.emplace_back(std::move(key), count);
    return out;
}

std::int64_t count_ready(Tx& tx) {
    return std::get<0>(
        *tx.one<I>("SELECT count(*) FROM jobs WHERE state = 'ready' AND attempt_id = 0"));
}

std::vector<JobId> due_jobs(Tx& tx, ServiceTime now) {
    std::vector<JobId> out;
    for (auto& [id] : tx.all<I>("SELECT id FROM jobs WHERE state = 'ready' AND attempt_id = 0 AND "
                                "not_before > 0 AND not_before <= :a",
                                now))
        out.push_back({id});
    return out;
}

std::optional<std::int64_t> next_back_off(Tx& tx, ServiceTime now) {
    return std::get<0>(
        *tx.one<OI>("SELECT min(not_before) FROM jobs WHERE state = 'ready' AND attempt_id = 0 AND "
                    "not_before > :a",
                    now));
}

void set_wait_reason(Tx& tx, JobId id, std::string_view reason) {
    tx.exec("UPDATE jobs SET wait_reason = :a WHERE id = :b AND finished_at IS NULL", reason, id);
}

void set_wait_reasons(Tx& tx, RunId run, std::string_view reason) {
    tx.exec("UPDATE jobs SET wait_reason = :a WHERE run_id = :b AND state = 'waiting'", reason,
            run);
}

void set_not_before(Tx& tx, JobId id, std::int64_t service_time) {
    tx.exec("UPDATE jobs SET not_before = :a WHERE id = :b", service_time, id);
}

void set_queue_until(Tx& tx, JobId id, std::int64_t service_time) {
    tx.exec("UPDATE jobs SET queue_until = :a WHERE id = :b", service_time, id);
}

std::vector<JobId> overdue_jobs(Tx& tx, ServiceTime now) {
    std::vector<JobId> out;
    for (auto& [id] : tx.all<I>("SELECT id FROM jobs WHERE state = 'ready' AND attempt_id = 0 AND "
                                "queue_until > 0 AND queue_until <= :a ORDER BY id",
                                now))
        out.push_back({id});
    return out;
}

std::optional<std::int64_t> next_queue_end(Tx& tx) {
    return std::get<0>(
        *tx.one<OI>("SELECT min(queue_until) FROM jobs WHERE state = 'ready' AND queue_until > 0"));
}

bool set_job_attempt(Tx& tx, JobId id, AttemptId expected, AttemptId attempt) {
    return tx.exec(
               "UPDATE jobs SET attempt_id = :a, not_before = 0 WHERE id = :b AND attempt_id = :c "
               "AND finished_at IS NULL",
               attempt, id, expected) == 1;
}

void set_job_attempt_count(Tx& tx, JobId id, std::int64_t attempts) {
    tx.exec("UPDATE jobs SET attempts = :a WHERE id = :b", attempts, id);
}

void set_job_started(Tx& tx, JobId id, AttemptId attempt, std::string_view agent, Timestamp at) {
    tx.exec(
        "UPDATE jobs SET started_at = :a, log_attempt = :b, agent = :c, steps = '[]', outputs = "
        "'{}', "
        "log_size = 0 "
        "WHERE id = :d",
        at, attempt, agent, id);
}

void set_job_spec(Tx& tx, JobId id, std::string_view spec) {
    tx.exec("UPDATE jobs SET spec = :a WHERE id = :b", spec, id);
}

std::string job_outputs(Tx& tx, JobId id) {
    auto row = tx.one<S>("SELECT outputs FROM jobs WHERE id = :a", id);
    return row ? std::move(std::get<0>(*row)) : "{}";
}

void set_job_result(Tx& tx, JobId id, std::string_view steps, std::string_view reports,
                    std::string_view outputs, std::int64_t log_size) {
    tx.exec("UPDATE jobs SET steps = :a, reports = :b, outputs = :c, log_size = :d WHERE id = :e",
            steps, reports, outputs, log_size, id);
}

std::optional<JobId> find_base_job(Tx& tx, const BaseJobFilter& filter) {
    const std::string by =
        filter.sha.empty() ? "r.branch = :b AND r.event_kind = 'push'" : "r.sha = :b";
    auto row = tx.one<I>(
        "SELECT j.id FROM jobs j JOIN runs r ON r.id = j.run_id WHERE r.project_id = :a AND " + by +
            " AND r.id < :c AND (j.key = :d OR j.shard_of = :d) AND j.state IN ('passed', "
            "'warned', 'failed') AND "
            "j.reports <> '{}' ORDER BY r.id DESC LIMIT 1",
        filter.project, filter.sha.empty() ? filter.branch : filter.sha, filter.before, filter.key);
    if (!row) return std::nullopt;
    return JobId{std::get<0>(*row)};
}

}  // namespace sluice::store
