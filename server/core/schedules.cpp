#include "server/core/schedules.hpp"

#include "platform/log.hpp"
#include "server/store/runs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

using schedule::Catchup;
using schedule::Overlap;
using schedule::Schedule;
using schedule::Tick;

namespace {

/// What waits at most, of missed ticks and of those that wait for a run (reference A2).
constexpr std::size_t k_most_ticks = 50;
constexpr std::int64_t k_most_attempts = 5;
constexpr std::int64_t k_ticks_kept = 500;

Schedule parsed(const store::ScheduleRow& row) {
    const auto value = json::parse(row.spec, {.bytes = 1 << 20, .depth = 16}).value();
    return schedule::schedule_from_json(value).value();
}

store::TickRow row_of(const store::ScheduleRow& schedule, const NoticedTick& noticed) {
    store::TickRow row;
    row.schedule = schedule.id;
    row.slot = noticed.tick.at;
    row.date = noticed.tick.date;
    row.time = noticed.tick.time;
    row.state = noticed.due ? "due" : "skipped";
    row.waits = noticed.waits;
    row.reason = noticed.reason;
    return row;
}

}  // namespace

std::vector<NoticedTick> judge_ticks(const Schedule& schedule, const std::vector<Tick>& ticks,
                                     Timestamp now) {
    std::vector<NoticedTick> out;
    for (std::size_t i = 0; i < ticks.size(); ++i) {
        NoticedTick noticed{ticks[i]};
        noticed.waits = schedule.overlap == Overlap::queue;
        const bool missed = ticks[i].at.ms + k_late_tick.count() < now.ms;
        const bool newest = i + 1 == ticks.size();
        if (missed && schedule.catchup == Catchup::none) {
            noticed.due = false;
            noticed.reason = "missed: the server did not run then, and `catchup` is none";
        } else if (missed && schedule.catchup == Catchup::last && !newest) {
            noticed.due = false;
            noticed.reason = "missed: the server did not run then; a newer tick runs";
        } else if (missed && schedule.catchup == Catchup::all) {
            // In order, so each waits for the one before, whatever `overlap` says.
            noticed.waits = true;
        }
        if (!noticed.due) noticed.waits = false;
        out.push_back(std::move(noticed));
    }
    return out;
}

Schedules::Schedules(const Clock& clock, Zones zones, const std::vector<store::ScheduleRow>& rows)
    : clock_(clock), zones_(std::move(zones)) {
    for (const auto& row : rows) put(row);
    reckon();
}

Result<Schedules::Entry> Schedules::entry_of(const store::ScheduleRow& row) const {
    Entry entry;
    entry.row = row;
    entry.schedule = parsed(row);
    SLUICE_TRY(entry.cron, schedule::parse_cron(entry.schedule.cron));
    SLUICE_TRY(entry.zone, zones_(entry.schedule.timezone));
    entry.next = schedule::next_tick(entry.cron, entry.zone, row.since);
    return entry;
}

void Schedules::put(const store::ScheduleRow& row) {
    auto entry = entry_of(row);
    std::lock_guard lock(mutex_);
    entries_.erase(row.id);
    if (!row.active) return;
    if (!entry) {
        log::warn("schedule cannot fire id={} error=\"{}\"", row.id.value, entry.error().message);
        return;
    }
    entries_.emplace(row.id, std::move(*entry));
}

void Schedules::reckon() {
    std::lock_guard lock(mutex_);
    std::int64_t next = INT64_MAX;
    for (const auto& [id, entry] : entries_)
        if (entry.next) next = std::min(next, entry.next->at.ms);
    next_tick_ = next;
}

void Schedules::replace(store::Tx& tx, ProjectId project, const std::vector<Schedule>& schedules) {
    std::vector<store::ScheduleRow> changed;
    std::vector<std::string> kept;
    const auto rows = store::schedules_of(tx, project);
    for (const Schedule& wanted : schedules) {
        kept.push_back(wanted.name);
        const std::string spec = json::serialize(schedule::to_json(wanted));
        const auto known = std::find_if(rows.begin(), rows.end(),
                                        [&](const auto& row) { return row.name == wanted.name; });
        if (known != rows.end() && known->active && known->spec == spec) continue;
        store::ScheduleRow row;
        if (known != rows.end()) row = *known;
        row.project = project;
        row.name = wanted.name;
        row.spec = spec;
        row.active = true;
        // What its clock showed before it was written this way is no tick of it.
        row.since = clock_.now();
        if (known == rows.end())
            row.id = store::insert_schedule(tx, row);
        else
            store::update_schedule(tx, row);
        changed.push_back(std::move(row));
    }
    for (auto row : rows) {
        if (!row.active || std::find(kept.begin(), kept.end(), row.name) != kept.end()) continue;
        row.active = false;
        store::update_schedule(tx, row);
        changed.push_back(std::move(row));
    }
    if (changed.empty()) return;
    tx.after_commit([this, changed] {
        for (const auto& row : changed) put(row);
        reckon();
    });
}

void Schedules::notice(store::Tx& tx) {
    const Timestamp now = clock_.now();
    std::vector<Entry> over;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [id, entry] : entries_)
            if (entry.next && entry.next->at <= now) over.push_back(entry);
    }
    for (auto& entry : over) {
        const auto due =
            schedule::due_ticks(entry.cron, entry.zone, entry.row.since, now, k_most_ticks);
        auto waiting = static_cast<std::size_t>(store::count_due_ticks(tx, entry.row.id));
        for (NoticedTick& noticed : judge_ticks(entry.schedule, due.ticks, now)) {
            if (noticed.due && waiting >= (noticed.waits ? k_most_ticks : 1)) {
                noticed.reason = fmt::format("{} earlier tick{} of it still wait{}", waiting,
                                             waiting == 1 ? "" : "s", waiting == 1 ? "s" : "");
                noticed.due = noticed.waits = false;
            }
            waiting += noticed.due ? 1 : 0;
            store::insert_tick(tx, row_of(entry.row, noticed));
        }
        entry.row.since = now;
        store::set_schedule_since(tx, entry.row.id, now);
        store::prune_ticks(tx, entry.row.id, k_ticks_kept);
    }
    tx.after_commit([this, over] {
        for (const auto& entry : over) put(entry.row);
        reckon();
        any_due_ = true;
    });
}

std::vector<Schedules::Due> Schedules::take_due(store::Tx& tx,
                                                const std::vector<ScheduleId>& busy) {
    std::vector<Due> out;
    const auto ticks = store::first_due_ticks(tx);
    bool left = false;
    for (const auto& tick : ticks) {
        left = true;
        if (std::find(busy.begin(), busy.end(), tick.schedule) != busy.end()) continue;
        const auto row = store::find_schedule(tx, tick.schedule).value();
        if (!row.active) {
            store::settle_tick(tx, tick.id, "skipped", "the schedule was removed", {});
            continue;
        }
        if (const auto active = store::active_run_of(tx, tick.schedule)) {
            if (tick.waits) continue;
            const auto run = store::find_run(tx, *active).value();
            store::settle_tick(
                tx, tick.id, "skipped",
                fmt::format("run #{} of the tick before was still active", run.number), {});
            continue;
        }
        if (tick.attempts >= k_most_attempts) {
            store::settle_tick(
                tx, tick.id, "skipped",
                fmt::format(
                    "given up after {} attempts{}", k_most_attempts,
                    tick.reason.empty() ? "" : ", the last of which failed: " + tick.reason),
                {});
            continue;
        }
        // Before the work (rule 20): what kills the server is not tried for ever.
        store::count_tick_attempt(tx, tick.id);
        out.push_back({tick, row.project, parsed(row)});
    }
    tx.after_commit([this, left] {
        if (!left) any_due_ = false;
    });
    return out;
}

Result<Schedules::Due> Schedules::by_hand(store::Tx& tx, ScheduleId id) const {
    const auto row = store::find_schedule(tx, id);
    if (!row || !row->active)
        return error(Code::not_found, "not_found", "there is no such schedule", "schedule");
    SLUICE_TRY(const Entry entry, entry_of(*row));
    const Tick tick = schedule::local_minute(entry.zone, clock_.now());
    Due out{{}, row->project, entry.schedule};
    out.tick.schedule = id;
    out.tick.slot = tick.at;
    out.tick.date = tick.date;
    out.tick.time = tick.time;
    return out;
}

Schedules::Outlook Schedules::outlook(const store::ScheduleRow& row) const {
    if (!row.active) return {std::nullopt, "the default branch does not have it any more"};
    auto from_now = row;
    from_now.since = clock_.now();
    const auto entry = entry_of(from_now);
    if (!entry) return {std::nullopt, entry.error().message};
    if (!entry->next) return {std::nullopt, "`cron` names a day that does not come"};
    return {entry->next, ""};
}

}  // namespace sluice::core
