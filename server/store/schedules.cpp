#include "server/store/schedules.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

template <class... Keys>
std::vector<ScheduleRow> schedules_where(Tx& tx, std::string_view where, const Keys&... keys) {
    std::vector<ScheduleRow> out;
    for (auto& [id, project, name, spec, since, active] : tx.all<I, I, S, S, I, I>(
             "SELECT id, project_id, name, spec, since, active FROM schedules " + S(where),
             keys...))
        out.push_back({{id}, {project}, std::move(name), std::move(spec), {since}, active != 0});
    return out;
}

template <class... Keys>
std::vector<TickRow> ticks_where(Tx& tx, std::string_view where, const Keys&... keys) {
    std::vector<TickRow> out;
    for (auto& [id, schedule, slot, date, time, state, waits, attempts, reason, run] :
         tx.all<I, I, I, S, S, S, I, I, S, I>(
             "SELECT id, schedule_id, slot, date, time, state, waits, attempts, reason, "
             "coalesce(run_id, 0) FROM schedule_ticks " +
                 S(where),
             keys...))
        out.push_back({{id},
                       {schedule},
                       {slot},
                       std::move(date),
                       std::move(time),
                       std::move(state),
                       waits != 0,
                       attempts,
                       std::move(reason),
                       {run}});
    return out;
}

std::optional<RunId> run_or_none(const std::optional<std::tuple<I>>& row) {
    if (!row) return std::nullopt;
    return RunId{std::get<0>(*row)};
}

}  // namespace

ScheduleId insert_schedule(Tx& tx, const ScheduleRow& row) {
    return {
        std::get<0>(*tx.one<I>("INSERT INTO schedules (project_id, name, spec, since, active) "
                               "VALUES (:a, :b, :c, :d, :e) RETURNING id",
                               row.project, row.name, row.spec, row.since, row.active))};
}

std::vector<ScheduleRow> schedules_of(Tx& tx, ProjectId project) {
    return schedules_where(tx, "WHERE project_id = :a ORDER BY name", project);
}

std::vector<ScheduleRow> active_schedules(Tx& tx) {
    return schedules_where(tx, "WHERE active = 1 ORDER BY id");
}

std::optional<ScheduleRow> find_schedule(Tx& tx, ScheduleId id) {
    auto rows = schedules_where(tx, "WHERE id = :a", id);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

void update_schedule(Tx& tx, const ScheduleRow& row) {
    tx.exec("UPDATE schedules SET spec = :a, since = :b, active = :c WHERE id = :d", row.spec,
            row.since, row.active, row.id);
}

void set_schedule_since(Tx& tx, ScheduleId id, Timestamp since) {
    tx.exec("UPDATE schedules SET since = :a WHERE id = :b", since, id);
}

bool insert_tick(Tx& tx, const TickRow& row) {
    return tx.exec(
               "INSERT INTO schedule_ticks (schedule_id, slot, date, time, state, waits, reason, "
               "run_id) VALUES (:a, :b, :c, :d, :e, :f, :g, nullif(:h, 0)) ON CONFLICT DO NOTHING",
               row.schedule, row.slot, row.date, row.time, row.state, row.waits, row.reason,
               row.run) == 1;
}

std::optional<TickRow> find_tick(Tx& tx, TickId id) {
    auto rows = ticks_where(tx, "WHERE id = :a", id);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

std::vector<TickRow> first_due_ticks(Tx& tx) {
    return ticks_where(tx,
                       "AS t WHERE state = 'due' AND slot = (SELECT min(slot) FROM schedule_ticks "
                       "WHERE schedule_id = t.schedule_id AND state = 'due') ORDER BY slot");
}

std::int64_t count_due_ticks(Tx& tx, ScheduleId id) {
    return std::get<0>(*tx.one<I>(
        "SELECT count(*) FROM schedule_ticks WHERE schedule_id = :a AND state = 'due'", id));
}

void count_tick_attempt(Tx& tx, TickId id) {
    tx.exec("UPDATE schedule_ticks SET attempts = attempts + 1 WHERE id = :a", id);
}

void set_tick_reason(Tx& tx, TickId id, std::string_view reason) {
    tx.exec("UPDATE schedule_ticks SET reason = :a WHERE id = :b", reason, id);
}

bool settle_tick(Tx& tx, TickId id, std::string_view state, std::string_view reason, RunId run) {
    return tx.exec(
               "UPDATE schedule_ticks SET state = :a, reason = :b, run_id = nullif(:c, 0) WHERE id "
               "= :d AND state = 'due'",
               state, reason, run, id) == 1;
}

std::vector<TickRow> recent_ticks(Tx& tx, ScheduleId id, std::int64_t limit) {
    return ticks_where(tx, "WHERE schedule_id = :a ORDER BY slot DESC LIMIT :b", id, limit);
}

std::optional<RunId> last_run_of(Tx& tx, ScheduleId id) {
    return run_or_none(
        tx.one<I>("SELECT run_id FROM schedule_ticks WHERE schedule_id = :a AND run_id IS NOT NULL "
                  "ORDER BY run_id DESC LIMIT 1",
                  id));
}

std::optional<RunId> active_run_of(Tx& tx, ScheduleId id) {
    return run_or_none(tx.one<I>(
        "SELECT r.id FROM schedule_ticks t JOIN runs r ON r.id = t.run_id WHERE t.schedule_id = :a "
        "AND r.state = 'active' ORDER BY r.id LIMIT 1",
        id));
}

void prune_ticks(Tx& tx, ScheduleId id, std::int64_t keep) {
    tx.exec(
        "DELETE FROM schedule_ticks WHERE schedule_id = :a AND state <> 'due' AND slot < (SELECT "
        "slot FROM schedule_ticks WHERE schedule_id = :b ORDER BY slot DESC LIMIT 1 OFFSET :c) AND "
        "NOT EXISTS (SELECT 1 FROM runs WHERE id = run_id AND state = 'active')",
        id, id, keep);
}

}  // namespace sluice::store
