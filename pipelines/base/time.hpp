#pragma once
/// Time values of the kernel. Nothing here reads a clock: times are passed in by the caller.

#include "pipelines/base/result.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

using Duration = std::chrono::milliseconds;

/// Wall time in milliseconds since 1970-01-01T00:00:00Z; for display and cron only, never for
/// leases (rule 9).
struct Timestamp {
    std::int64_t ms = 0;
    auto operator<=>(const Timestamp&) const = default;
};

/// The server's persisted service time in milliseconds: advances only while a server serves (rule
/// 9).
struct ServiceTime {
    std::int64_t ms = 0;
    auto operator<=>(const ServiceTime&) const = default;
};
inline ServiceTime operator+(ServiceTime at, Duration by) {
    return {at.ms + by.count()};
}

/// `int unit { int unit }`, units ms s m h d w in falling order, > 0 and <= 366d (`1h30m`);
/// language reference A8. Refused with id `bad_duration` and a message that shows the value and a
/// right example.
Result<Duration> parse_duration(std::string_view text);

/// Shortest exact form, e.g. `1h30m`, `90s` stays `1m30s`; zero is `0s`.
std::string format_duration(Duration duration);

/// RFC 3339 in UTC with milliseconds: `2026-11-23T08:30:00.123Z`.
std::string format_timestamp(Timestamp time);

}  // namespace sluice
