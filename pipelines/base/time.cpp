#include "pipelines/base/time.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace sluice {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t ms;
};
// Falling order: parsing insists on it and formatting walks it.
constexpr std::array<Unit, 6> k_units{{{"w", 7 * 24 * 3'600'000LL},
                                       {"d", 24 * 3'600'000LL},
                                       {"h", 3'600'000},
                                       {"m", 60'000},
                                       {"s", 1'000},
                                       {"ms", 1}}};
constexpr std::int64_t k_max_ms = 366LL * 24 * 3'600'000;

Error bad(std::string_view text, std::string_view why) {
    std::string shown(text.substr(0, 40));
    return error(Code::invalid, "bad_duration",
                 fmt::format("`{}` is not a duration: {}; write e.g. `90s`, `20m` or `1h30m`, "
                             "more than zero and at most 366d",
                             shown, why));
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    if (text.empty()) return bad(text, "it is empty");
    std::int64_t total = 0;
    std::size_t at = 0;
    std::size_t next_unit = 0;  // units must fall: `1h30m`, never `30m1h`
    while (at < text.size()) {
        const std::size_t digits_begin = at;
        std::int64_t number = 0;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            number = number * 10 + (text[at++] - '0');
            if (number > k_max_ms) return bad(text, "it is longer than 366 days");
        }
        if (at == digits_begin)
            return bad(text, text[at] == '-'   ? "it is negative"
                             : text[at] == ' ' ? "a blank stands in it"
                                               : "a whole number is missing");
        const std::size_t unit_begin = at;
        while (at < text.size() && text[at] >= 'a' && text[at] <= 'z') ++at;
        const auto unit_text = text.substr(unit_begin, at - unit_begin);
        if (unit_text.empty()) {
            const bool at_end = at == text.size();
            return bad(text, at_end ? "the unit is missing (ms s m h d w)"
                                    : "the units are ms s m h d w, and only whole numbers");
        }
        std::size_t unit = 0;
        while (unit < k_units.size() && k_units[unit].name != unit_text) ++unit;
        if (unit == k_units.size()) return bad(text, "the units are ms s m h d w");
        if (unit < next_unit) return bad(text, "the units must fall and appear once each");
        next_unit = unit + 1;
        if (number > k_max_ms / k_units[unit].ms) return bad(text, "it is longer than 366 days");
        total += number * k_units[unit].ms;
    }
    if (total == 0) return bad(text, "it is zero");
    if (total > k_max_ms) return bad(text, "it is longer than 366 days");
    return Duration{total};
}

std::string format_duration(Duration duration) {
    std::int64_t rest = duration.count();
    if (rest == 0) return "0s";
    std::string out;
    // As unsigned: the most negative value has no positive twin.
    auto left = static_cast<std::uint64_t>(rest);
    if (rest < 0) {
        out = "-";
        left = 0 - left;
    }
    for (const Unit& unit : k_units) {
        const auto size = static_cast<std::uint64_t>(unit.ms);
        // People think of 30 days, not of 4 weeks and 2 days: weeks only when nothing else is left.
        if (unit.name == "w" && left % size != 0) continue;
        if (left < size) continue;
        out += fmt::format("{}{}", left / size, unit.name);
        left %= size;
    }
    return out;
}

std::string format_timestamp(Timestamp time) {
    using namespace std::chrono;
    const sys_time<milliseconds> point{milliseconds{time.ms}};
    const auto day = floor<days>(point);
    const year_month_day date{day};
    const hh_mm_ss clock{point - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

}  // namespace sluice
