#include "pipelines/schedule/cron.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace sluice::schedule {
namespace {

constexpr int k_min_minutes_apart = 5;

struct Field {
    std::string_view name;
    int min, max;
    std::string_view words;  ///< three letters each, from `min` on
};
constexpr std::array k_fields = {
    Field{"minute", 0, 59, ""},
    Field{"hour", 0, 23, ""},
    Field{"day of the month", 1, 31, ""},
    Field{"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    Field{"weekday", 0, 7, "SUNMONTUEWEDTHUFRISAT"},
};

Error refuse(std::string message) {
    return error(Code::invalid, "bad_cron", std::move(message));
}

std::optional<int> number(std::string_view text, const Field& field) {
    int value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec == std::errc{} && end == text.data() + text.size()) return value;
    if (text.size() != 3) return std::nullopt;
    std::string upper(text);
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    for (std::size_t at = 0; at < field.words.size(); at += 3)
        if (field.words.substr(at, 3) == upper) return field.min + static_cast<int>(at / 3);
    return std::nullopt;
}

/// `*`, `5`, `1-5`, each perhaps with `/n`: calls `take` with every value.
template <class Take>
Result<> read_range(std::string_view text, const Field& field, Take take) {
    const auto wrong = [&] {
        return refuse(
            fmt::format("`{}` is not a {} of a cron expression: {} to {}{}, ranges `a-b`, "
                        "lists `a,b` and steps `*/n`",
                        text::sanitize_utf8(text, 40), field.name, field.min, field.max,
                        field.words.empty() ? "" : ", names of three letters"));
    };
    const std::size_t slash = text.find('/');
    const std::string_view range = text.substr(0, slash);
    std::optional<int> step = 1;
    if (slash != std::string_view::npos)
        step = number(text.substr(slash + 1), Field{"", 1, 99, ""});
    int first = field.min, last = field.name == "weekday" ? 6 : field.max;
    if (range != "*") {
        const std::size_t dash = range.find('-');
        const auto from = number(range.substr(0, dash), field);
        const auto to =
            dash == std::string_view::npos ? from : number(range.substr(dash + 1), field);
        if (!from || !to) return wrong();
        first = *from;
        // As in Vixie cron: `5/15` counts from 5 to the end.
        last = dash == std::string_view::npos && slash != std::string_view::npos ? last : *to;
    }
    if (!step || *step < 1 || first < field.min || last > field.max || first > last) return wrong();
    for (int value = first; value <= last; value += *step) take(static_cast<std::size_t>(value));
    return {};
}

template <std::size_t N>
Result<> read_field(std::string_view text, const Field& field, std::bitset<N>& out) {
    for (const std::string& part : text::split(text, ','))
        SLUICE_CHECK(read_range(part, field, [&](std::size_t value) {
            // 7 is Sunday too.
            out.set(field.name == "weekday" ? value % 7 : value);
        }));
    return {};
}

std::string_view without_alias(std::string_view text) {
    if (text == "@hourly") return "0 * * * *";
    if (text == "@daily") return "0 0 * * *";
    if (text == "@weekly") return "0 0 * * 0";
    if (text == "@monthly") return "0 0 1 * *";
    return text;
}

/// The smallest distance between two minutes of an hour that fires, over the full hour too.
int closest(const std::bitset<60>& minutes) {
    int last = -1, first = -1, out = 60;
    for (int minute = 0; minute < 60; ++minute) {
        if (!minutes.test(static_cast<std::size_t>(minute))) continue;
        if (last >= 0) out = std::min(out, minute - last);
        if (first < 0) first = minute;
        last = minute;
    }
    return first >= 0 && last != first ? std::min(out, first + 60 - last) : out;
}

}  // namespace

bool Cron::has_day(unsigned month, unsigned day, unsigned weekday) const {
    if (!months.test(month)) return false;
    // Both fields given: either matches, as cron has done since 1979.
    if (!any_day && !any_weekday) return days.test(day) || weekdays.test(weekday);
    return days.test(day) && weekdays.test(weekday);
}

Result<Cron> parse_cron(std::string_view text) {
    if (text.size() > 256) return refuse("a cron expression has at most 256 characters");
    const std::string_view plain = without_alias(text::trim(text));
    std::vector<std::string> fields;
    for (std::string& field : text::split(plain, ' '))
        if (!field.empty()) fields.push_back(std::move(field));
    if (plain.starts_with('@'))
        return refuse(fmt::format("`{}` is none of `@hourly`, `@daily`, `@weekly`, `@monthly`",
                                  text::sanitize_utf8(text, 60)));
    if (fields.size() != k_fields.size())
        return refuse(
            fmt::format("`{}` has {} fields, a cron expression has five: minute hour day "
                        "month weekday",
                        text::sanitize_utf8(text, 60), fields.size()));
    Cron out;
    SLUICE_CHECK(read_field(fields[0], k_fields[0], out.minutes));
    SLUICE_CHECK(read_field(fields[1], k_fields[1], out.hours));
    SLUICE_CHECK(read_field(fields[2], k_fields[2], out.days));
    SLUICE_CHECK(read_field(fields[3], k_fields[3], out.months));
    SLUICE_CHECK(read_field(fields[4], k_fields[4], out.weekdays));
    out.any_day = fields[2].starts_with('*');
    out.any_weekday = fields[4].starts_with('*');
    if (closest(out.minutes) < k_min_minutes_apart)
        return refuse(fmt::format("`{}` fires more often than every {} minutes",
                                  text::sanitize_utf8(text, 60), k_min_minutes_apart));
    return out;
}

}  // namespace sluice::schedule
