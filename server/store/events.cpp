#include "server/store/events.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

}  // namespace

EventId insert_event(Tx& tx, const EventRow& e) {
    auto row = tx.one<I>(
        "INSERT INTO events(type, project_id, run_id, job_id, state, at) VALUES (:a, :b, :c, :d, "
        ":e, :f) RETURNING id",
        e.type, e.project, e.run, e.job, e.state, e.at);
    return {std::get<0>(*row)};
}

std::vector<EventRow> events_after(Tx& tx, EventId cursor, std::int64_t limit) {
    std::vector<EventRow> out;
    for (auto& [id, type, project, run, job, state, at] :
         tx.all<I, S, I, I, I, S, I>("SELECT id, type, project_id, run_id, job_id, state, at FROM "
                                     "events WHERE id > :a ORDER BY id LIMIT :b",
                                     cursor, limit))
        out.push_back({{id}, std::move(type), {project}, {run}, {job}, std::move(state), {at}});
    return out;
}

EventId newest_event(Tx& tx) {
    return {std::get<0>(*tx.one<I>("SELECT coalesce(max(id), 0) FROM events"))};
}

void insert_outbox(Tx& tx, std::string_view target, ProjectId project, std::string_view payload,
                   Timestamp now) {
    tx.exec(
        "INSERT INTO outbox(target, project_id, payload, next_at, state, created_at) VALUES (:a, "
        ":b, :c, :d, 'pending', :e)",
        target, project, payload, now, now);
}

std::vector<OutboxRow> due_outbox(Tx& tx, Timestamp now, std::int64_t limit) {
    std::vector<OutboxRow> out;
    for (auto& [id, target, project, payload, attempts] :
         tx.all<I, S, I, S, I>("SELECT id, target, project_id, payload, attempts FROM outbox o "
                               "WHERE state = 'pending' AND next_at <= :a AND NOT EXISTS "
                               "(SELECT 1 FROM outbox older WHERE older.target = o.target AND "
                               "older.state = 'pending' AND older.id < o.id) ORDER BY id LIMIT :b",
                               now, limit))
        out.push_back({id, std::move(target), {project}, std::move(payload), attempts});
    return out;
}

void settle_outbox(Tx& tx, std::int64_t id, std::string_view state, std::string_view error) {
    tx.exec("UPDATE outbox SET state = :a, error = :b WHERE id = :c", state, error, id);
}

void postpone_outbox(Tx& tx, std::int64_t id, Timestamp next_at, std::string_view error) {
    tx.exec("UPDATE outbox SET attempts = attempts + 1, next_at = :a, error = :b WHERE id = :c",
            next_at, error, id);
}

std::string newest_outbox_payload(Tx& tx, std::string_view target) {
    auto row = tx.one<S>(
        "SELECT payload FROM outbox WHERE target = :a AND state <> 'dead' ORDER BY id DESC LIMIT 1",
        target);
    return row ? std::move(std::get<0>(*row)) : S{};
}

std::int64_t newest_pending_outbox(Tx& tx, std::string_view target) {
    return std::get<0>(*tx.one<I>(
        "SELECT coalesce(max(id), 0) FROM outbox WHERE target = :a AND state = 'pending'", target));
}

void settle_outbox_up_to(Tx& tx, std::string_view target, std::int64_t id) {
    tx.exec(
        "UPDATE outbox SET state = 'sent', error = '' WHERE target = :a AND state = 'pending' AND "
        "id <= :b",
        target, id);
}

std::int64_t count_outbox(Tx& tx, std::string_view state) {
    return std::get<0>(*tx.one<I>("SELECT count(*) FROM outbox WHERE state = :a", state));
}

void insert_audit(Tx& tx, Timestamp at, std::string_view actor, std::string_view action,
                  std::string_view subject, std::string_view detail) {
    tx.exec("INSERT INTO audit(at, actor, action, subject, detail) VALUES (:a, :b, :c, :d, :e)", at,
            actor, action, subject, detail);
}

std::vector<AuditRow> list_audit(Tx& tx, const AuditFilter& filter) {
    std::vector<AuditRow> out;
    const I before = filter.before > 0 ? filter.before : INT64_MAX;
    const std::string select = "SELECT id, at, actor, action, subject, detail FROM audit WHERE ";
    const auto take = [&](auto&& rows) {
        for (auto& [id, at, actor, action, subject, detail] : rows)
            out.push_back({id,
                           {at},
                           std::move(actor),
                           std::move(action),
                           std::move(subject),
                           std::move(detail)});
    };
    if (filter.action.empty())
        take(tx.all<I, I, S, S, S, S>(select + "id < :a ORDER BY id DESC LIMIT :b", before,
                                      filter.limit));
    else
        // `shell.` to `shell/`: all that begins with the former, as a range of the index.
        take(tx.all<I, I, S, S, S, S>(
            select + "(action = :a OR (action > :b AND action < :c)) AND id < :d ORDER BY id DESC "
                     "LIMIT :e",
            filter.action, filter.action + ".", filter.action + "/", before, filter.limit));
    return out;
}

}  // namespace sluice::store
