#pragma once
/// Cron expressions: five fields, `*`, `a-b`, `a,b`, `/n`, `JAN-DEC`, `MON-SUN`, 0 and 7 = Sunday,
/// `@hourly @daily @weekly @monthly` (reference A8). Pure, any thread.

#include "pipelines/base/result.hpp"

#include <bitset>
#include <string_view>

namespace sluice::schedule {

/// When a schedule fires, on the local clock.
struct Cron {
    std::bitset<60> minutes;
    std::bitset<24> hours;
    std::bitset<32> days;      ///< 1 to 31
    std::bitset<13> months;    ///< 1 to 12
    std::bitset<7> weekdays;   ///< 0 = Sunday
    bool any_day = false;      ///< the field is `*`
    bool any_weekday = false;  ///< the field is `*`; both given: either may match

    bool operator==(const Cron&) const = default;

    /// Whether that day (month 1-12, day 1-31, weekday 0 = Sunday) has ticks.
    bool has_day(unsigned month, unsigned day, unsigned weekday) const;
};

/// Refused with id `bad_cron`; also when it could fire more often than every five minutes.
Result<Cron> parse_cron(std::string_view text);

}  // namespace sluice::schedule
