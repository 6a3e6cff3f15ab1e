#include "pipelines/schedule/ticks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace sluice::schedule {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t k_day = 86'400;
constexpr int k_days_ahead = 9 * 366;  // 29 February skips the year 2100

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
    return value / by - (value % by < 0 ? 1 : 0);
}

std::int64_t seconds(Timestamp at) {
    return floor_div(at.ms, 1000);
}

std::int64_t round_up_to_minute(std::int64_t utc) {
    return floor_div(utc + 59, 60) * 60;
}

struct Instant {
    std::int64_t utc = 0;
    bool in_gap = false;
};

/// When the local clock shows `local` (seconds since 1970 on that clock) for the first time, or the
/// first minute after the gap that skips it.
Instant instant_of(const Zone& zone, std::int64_t local) {
    // No place is more than a day away from UTC.
    OffsetSpan span = zone(local - k_day);
    while (true) {
        if (span.begin != INT64_MIN && local < span.begin + span.offset)
            return {round_up_to_minute(span.begin), true};
        if (span.end == INT64_MAX || local < span.end + span.offset)
            return {local - span.offset, false};
        span = zone(span.end);
    }
}

Tick tick_of(std::int64_t day, int minute, std::int64_t utc) {
    const year_month_day date{sys_days(days(day))};
    return {{utc * 1000},
            fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())),
            fmt::format("{:02}:{:02}", minute / 60, minute % 60)};
}

/// The ticks of one local day, in order of the local clock.
std::vector<Tick> ticks_of_day(const Cron& cron, const Zone& zone, std::int64_t day) {
    std::vector<Tick> out;
    const sys_days date{days(day)};
    const year_month_day calendar{date};
    if (!cron.has_day(static_cast<unsigned>(calendar.month()),
                      static_cast<unsigned>(calendar.day()),
                      std::chrono::weekday(date).c_encoding()))
        return out;
    bool last_in_gap = false;
    for (int minute = 0; minute < 24 * 60; ++minute) {
        if (!cron.hours.test(static_cast<std::size_t>(minute / 60)) ||
            !cron.minutes.test(static_cast<std::size_t>(minute % 60)))
            continue;
        const Instant at = instant_of(zone, day * k_day + minute * 60);
        const Tick tick = tick_of(day, minute, at.utc);
        if (!out.empty() && out.back().at == tick.at) {
            // A time that the clock shows outweighs those that the gap moved here; of these the
            // first counts.
            if (last_in_gap && !at.in_gap) out.back() = tick;
        } else {
            out.push_back(tick);
        }
        last_in_gap = at.in_gap;
    }
    return out;
}

std::int64_t local_day(const Zone& zone, Timestamp at) {
    const std::int64_t utc = seconds(at);
    return floor_div(utc + zone(utc).offset, k_day);
}

}  // namespace

OffsetSpan utc_zone(std::int64_t /*utc_seconds*/) {
    return {};
}

DueTicks due_ticks(const Cron& cron, const Zone& zone, Timestamp last, Timestamp now,
                   std::size_t max) {
    DueTicks out;
    if (now <= last) return out;
    // A gap may move a tick over midnight: one day more on each side.
    const std::int64_t first = local_day(zone, last) - 1;
    for (std::int64_t day = local_day(zone, now) + 1; day >= first; --day) {
        const auto ticks = ticks_of_day(cron, zone, day);
        for (auto tick = ticks.rbegin(); tick != ticks.rend(); ++tick) {
            if (tick->at > now || tick->at <= last) continue;
            if (!out.ticks.empty() && out.ticks.back().at == tick->at) continue;
            if (out.ticks.size() == max) {
                out.more = true;
                std::reverse(out.ticks.begin(), out.ticks.end());
                return out;
            }
            out.ticks.push_back(*tick);
        }
    }
    std::reverse(out.ticks.begin(), out.ticks.end());
    return out;
}

std::optional<Tick> next_tick(const Cron& cron, const Zone& zone, Timestamp after) {
    const std::int64_t first = local_day(zone, after) - 1;
    std::optional<Tick> found;
    for (std::int64_t day = first; day < first + k_days_ahead; ++day) {
        for (const Tick& tick : ticks_of_day(cron, zone, day))
            if (tick.at > after && (!found || tick.at < found->at)) found = tick;
        // The day after is looked at too: a gap may have moved one of this day behind it.
        if (found && day > first + 1) return found;
    }
    return found;
}

Tick local_minute(const Zone& zone, Timestamp at) {
    const std::int64_t utc = seconds(at);
    const std::int64_t local = utc + zone(utc).offset;
    const std::int64_t day = floor_div(local, k_day);
    Tick tick = tick_of(day, static_cast<int>((local - day * k_day) / 60), 0);
    tick.at = at;
    return tick;
}

}  // namespace sluice::schedule
