#pragma once
/// When a schedule fires: cron on a local clock → instants. Pure, any thread: the rules of the time
/// zone are handed in, because the tz database lies on disk (platform/timezone).

#include "pipelines/base/time.hpp"
#include "pipelines/schedule/cron.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::schedule {

/// A stretch of time in which a place keeps one offset from UTC. Seconds since 1970.
struct OffsetSpan {
    std::int64_t begin = INT64_MIN, end = INT64_MAX;  ///< [begin, end)
    std::int64_t offset = 0;                          ///< local time minus UTC
};
/// The span that holds the instant.
using Zone = std::function<OffsetSpan(std::int64_t utc_seconds)>;
OffsetSpan utc_zone(std::int64_t utc_seconds);

/// One firing. Two nominal times that fall on one instant (a gap of daylight saving) are one tick.
struct Tick {
    Timestamp at;      ///< the instant
    std::string date;  ///< nominal, on the local clock: `2026-03-29`
    std::string time;  ///< nominal: `02:30`, although that day's clock never showed it
    bool operator==(const Tick&) const = default;
};

struct DueTicks {
    std::vector<Tick> ticks;  ///< in order of time
    bool more = false;        ///< older ones were left out
};

/// The ticks after `last` and not after `now`, at most the newest `max`. A local time that daylight
/// saving skips fires at the first minute after the gap; one that it repeats fires the first time.
DueTicks due_ticks(const Cron& cron, const Zone& zone, Timestamp last, Timestamp now,
                   std::size_t max);

/// The first tick after `after`; nothing when there is none within nine years (30 February).
std::optional<Tick> next_tick(const Cron& cron, const Zone& zone, Timestamp after);

/// Date and time on the local clock, as ticks write them.
Tick local_minute(const Zone& zone, Timestamp at);

}  // namespace sluice::schedule
