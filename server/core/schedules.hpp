#pragma once
/// The schedules of all projects: which ticks are due, and what becomes of each. A tick is a row
/// before anything is done about it, unique by schedule and slot, so a server that stops or is
/// killed at any point neither loses nor doubles one (docs/decisions/0010).

#include "pipelines/schedule/schedule.hpp"
#include "pipelines/schedule/ticks.hpp"
#include "platform/clock.hpp"
#include "server/store/schedules.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sluice::core {

/// What is to become of ticks that were noticed at `now`, by the schedule's `catchup`.
struct NoticedTick {
    schedule::Tick tick;
    bool due = true;     ///< else skipped
    bool waits = false;  ///< for the run before it; else it is skipped while that is active
    std::string reason;  ///< of a skipped one
    bool operator==(const NoticedTick&) const = default;
};
/// Noticed later than this, a tick was missed. Shorter than two ticks are apart.
inline constexpr Duration k_late_tick = std::chrono::minutes(2);
/// `ticks` in order of time.
std::vector<NoticedTick> judge_ticks(const schedule::Schedule& schedule,
                                     const std::vector<schedule::Tick>& ticks, Timestamp now);

class Schedules {
public:
    using Zones = std::function<Result<schedule::Zone>(const std::string& name)>;
    /// `rows`: the active ones of the store.
    Schedules(const Clock& clock, Zones zones, const std::vector<store::ScheduleRow>& rows);

    /// The default branch's tip has these schedules now. Ticks of new and changed ones count from
    /// now on. Inside a closure.
    void replace(store::Tx& tx, ProjectId project,
                 const std::vector<schedule::Schedule>& schedules);

    /// True when notice() has something to do. Any thread.
    bool tick_over() const { return clock_.now().ms >= next_tick_; }
    /// Makes rows of the ticks since the last look: due ones and skipped ones. Inside a closure.
    void notice(store::Tx& tx);

    /// True while there may be due ticks: the caller then asks next_due(). Any thread.
    bool any_due() const { return any_due_; }
    /// A tick to be carried out, its attempt counted. Inside a closure.
    struct Due {
        store::TickRow tick;
        ProjectId project;
        schedule::Schedule schedule;
    };
    /// The ticks that may go on now. Those of schedules with an active run wait or are skipped;
    /// those tried too often are given up. `busy`: schedules that are being carried out already.
    std::vector<Due> take_due(store::Tx& tx, const std::vector<ScheduleId>& busy);
    void look_again() { any_due_ = true; }

    /// A tick by hand, for the nominal time of now; not in the store yet.
    Result<Due> by_hand(store::Tx& tx, ScheduleId id) const;

    /// For people: when it fires next, and why it can't.
    struct Outlook {
        std::optional<schedule::Tick> next;
        std::string problem;
    };
    Outlook outlook(const store::ScheduleRow& row) const;

private:
    struct Entry {
        store::ScheduleRow row;
        schedule::Schedule schedule;
        schedule::Cron cron;
        schedule::Zone zone;
        std::optional<schedule::Tick> next;
    };
    Result<Entry> entry_of(const store::ScheduleRow& row) const;
    void put(const store::ScheduleRow& row);
    void reckon();

    const Clock& clock_;
    Zones zones_;
    mutable std::mutex mutex_;
    std::map<ScheduleId, Entry> entries_;
    std::atomic<std::int64_t> next_tick_{INT64_MAX};  ///< wall clock
    std::atomic<bool> any_due_{true};                 ///< at start somebody has to look
};

}  // namespace sluice::core
