#pragma once
/// Schedules of the default branches' tips, and what became of each of their ticks.
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

struct ScheduleRow {
    ScheduleId id;
    ProjectId project;
    std::string name;
    std::string spec;  ///< schedule::Schedule, JSON
    Timestamp since;   ///< ticks up to here have been noticed
    bool active = true;
};
ScheduleId insert_schedule(Tx& tx, const ScheduleRow& row);
/// Those that their files do not have any more included; in order of name.
std::vector<ScheduleRow> schedules_of(Tx& tx, ProjectId project);
std::vector<ScheduleRow> active_schedules(Tx& tx);
std::optional<ScheduleRow> find_schedule(Tx& tx, ScheduleId id);
/// spec, since and active.
void update_schedule(Tx& tx, const ScheduleRow& row);
void set_schedule_since(Tx& tx, ScheduleId id, Timestamp since);

struct TickRow {
    TickId id;
    ScheduleId schedule;
    Timestamp slot;          ///< the instant
    std::string date, time;  ///< nominal
    std::string state;       ///< due, fired or skipped
    bool waits = false;      ///< while an earlier run is active it waits; else it is skipped
    std::int64_t attempts = 0;
    std::string reason;
    RunId run;
};
/// False when the slot has been given before.
bool insert_tick(Tx& tx, const TickRow& row);
std::optional<TickRow> find_tick(Tx& tx, TickId id);
/// The oldest due tick of each schedule.
std::vector<TickRow> first_due_ticks(Tx& tx);
std::int64_t count_due_ticks(Tx& tx, ScheduleId id);
void count_tick_attempt(Tx& tx, TickId id);
/// What went wrong at the last attempt.
void set_tick_reason(Tx& tx, TickId id, std::string_view reason);
/// A due tick ends as fired (with its run) or skipped. False when it was not due any more.
bool settle_tick(Tx& tx, TickId id, std::string_view state, std::string_view reason, RunId run);
/// Newest first.
std::vector<TickRow> recent_ticks(Tx& tx, ScheduleId id, std::int64_t limit);
/// The newest run of the schedule, and one that has not ended, if there is any.
std::optional<RunId> last_run_of(Tx& tx, ScheduleId id);
std::optional<RunId> active_run_of(Tx& tx, ScheduleId id);
/// Forgets all but the newest `keep` ticks that are settled.
void prune_ticks(Tx& tx, ScheduleId id, std::int64_t keep);

}  // namespace sluice::store
