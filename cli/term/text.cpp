#include "cli/term/text.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace sluice::cli {
namespace {

/// Reads one code point of valid UTF-8 at `at` and moves past it.
char32_t next_code_point(std::string_view text, std::size_t& at) {
    auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) return lead;
    int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    char32_t point = lead & (0x3F >> more);
    for (; more > 0 && at < text.size(); --more)
        point = (point << 6) | (static_cast<unsigned char>(text[at++]) & 0x3F);
    return point;
}

bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

// U+202E and its kin reorder what a person reads: "exe.txt" may be "txt.exe".
bool is_direction_mark(char32_t c) {
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

std::size_t width_of(char32_t c) {
    if ((c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200D) || (c >= 0xFE00 && c <= 0xFE0F))
        return 0;
    bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF);
    return wide ? 2 : 1;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string clean = text::sanitize_utf8(text, 65536);
    std::string out;
    for (std::size_t at = 0; at < clean.size();) {
        std::size_t begin = at;
        char32_t point = next_code_point(clean, at);
        if (is_direction_mark(point)) continue;
        if (is_control(point))
            out += ' ';
        else
            out.append(clean, begin, at - begin);
    }
    return out;
}

std::size_t display_width(std::string_view utf8) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < utf8.size();) width += width_of(next_code_point(utf8, at));
    return width;
}

std::string cut_to_width(std::string_view utf8, std::size_t width) {
    if (display_width(utf8) <= width) return std::string(utf8);
    if (width == 0) return {};
    std::size_t used = 0;
    std::size_t end = 0;
    for (std::size_t at = 0; at < utf8.size();) {
        std::size_t step = width_of(next_code_point(utf8, at));
        if (used + step > width - 1) break;
        used += step;
        end = at;
    }
    return std::string(utf8.substr(0, end)) + "…";
}

std::string human_duration(std::optional<std::int64_t> ms) {
    if (!ms) return "-";
    std::int64_t seconds = *ms / 1000;
    if (seconds < 60) return fmt::format("{}.{}s", seconds, *ms % 1000 / 100);
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
    return fmt::format("{}d{:02}h", seconds / 86400, seconds % 86400 / 3600);
}

std::string human_age(std::int64_t then_ms, std::int64_t now_ms) {
    std::int64_t seconds = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
    if (seconds < 60) return fmt::format("{}s ago", seconds);
    if (seconds < 3600) return fmt::format("{}m ago", seconds / 60);
    if (seconds < 86400) return fmt::format("{}h ago", seconds / 3600);
    return fmt::format("{}d ago", seconds / 86400);
}

std::optional<std::int64_t> parse_utc(std::string_view text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0, used = 0;
    std::string copy(text);
    if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                    &second, &used) != 6)
        return std::nullopt;
    int fraction = 0;
    if (std::sscanf(copy.c_str() + used, ".%3d%n", &ms, &fraction) == 1) used += fraction;
    if (copy.substr(static_cast<std::size_t>(used)) != "Z") return std::nullopt;
    using namespace std::chrono;
    year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                        std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    auto whole =
        sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + milliseconds(ms);
    return duration_cast<milliseconds>(whole.time_since_epoch()).count();
}

std::string short_sha(std::string_view sha) {
    return printable(sha.substr(0, 10));
}

std::string human_bytes(std::int64_t bytes) {
    if (bytes < 1000) return fmt::format("{} B", bytes);
    if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
    if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
    return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace sluice::cli
