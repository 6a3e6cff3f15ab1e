#pragma once
/// What others learn of changes: the event stream, the outbox, the audit trail.
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct EventRow {
    EventId id;
    std::string type;
    ProjectId project;
    RunId run;
    JobId job;
    std::string state;
    Timestamp at;
};
EventId insert_event(Tx& tx, const EventRow& event);
std::vector<EventRow> events_after(Tx& tx, EventId cursor, std::int64_t limit);
EventId newest_event(Tx& tx);

struct OutboxRow {
    std::int64_t id = 0;
    std::string target;
    ProjectId project;
    std::string payload;
    std::int64_t attempts = 0;
};
void insert_outbox(Tx& tx, std::string_view target, ProjectId project, std::string_view payload,
                   Timestamp now);
/// Due rows, the oldest of each target only, so that order per target holds.
std::vector<OutboxRow> due_outbox(Tx& tx, Timestamp now, std::int64_t limit);
void settle_outbox(Tx& tx, std::int64_t id, std::string_view state, std::string_view error);
void postpone_outbox(Tx& tx, std::int64_t id, Timestamp next_at, std::string_view error);
/// What the target was, or will be, told last; "" = nothing yet.
std::string newest_outbox_payload(Tx& tx, std::string_view target);
/// The newest row of the target that waits; 0 = none does.
std::int64_t newest_pending_outbox(Tx& tx, std::string_view target);
/// Settles as sent what waits of the target, up to that row.
void settle_outbox_up_to(Tx& tx, std::string_view target, std::int64_t id);
std::int64_t count_outbox(Tx& tx, std::string_view state);

void insert_audit(Tx& tx, Timestamp at, std::string_view actor, std::string_view action,
                  std::string_view subject, std::string_view detail);
struct AuditRow {
    std::int64_t id = 0;
    Timestamp at;
    std::string actor, action, subject, detail;
};
struct AuditFilter {
    std::string action;       ///< this one, or those below it: `shell` has `shell.open`; "" = all
    std::int64_t before = 0;  ///< ids below; 0 = from the newest
    std::int64_t limit = 50;
};
/// Newest first.
std::vector<AuditRow> list_audit(Tx& tx, const AuditFilter& filter);

}  // namespace sluice::store
