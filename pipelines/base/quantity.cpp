#include "pipelines/base/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace sluice {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// `12` or `12.5`, without sign or exponent.
std::optional<double> plain_decimal(std::string_view text) {
    const bool fits =
        !text.empty() && text.size() <= 20 && is_digit(text.front()) && is_digit(text.back()) &&
        std::count(text.begin(), text.end(), '.') <= 1 &&
        std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
    if (!fits) return std::nullopt;
    return parse_decimal(text);
}

Error refuse(std::string_view id, std::string_view text, std::string_view what,
             std::string_view right) {
    // A hostile value must not fill the page that shows the message.
    const std::string_view shown = text.substr(0, 60);
    return error(Code::invalid, std::string(id),
                 fmt::format("`{}` is not {}, e.g. `{}`", shown, what, right));
}

}  // namespace

std::optional<double> parse_decimal(std::string_view text) {
    double value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

Result<std::int64_t> parse_size(std::string_view text) {
    struct Unit {
        std::string_view name;
        double bytes;
    };
    constexpr std::array k_units = {Unit{"Ki", 1024.0},       Unit{"Mi", 1048576.0},
                                    Unit{"Gi", 1073741824.0}, Unit{"Ti", 1099511627776.0},
                                    Unit{"K", 1e3},           Unit{"M", 1e6},
                                    Unit{"G", 1e9},           Unit{"T", 1e12}};
    for (const Unit& unit : k_units) {
        if (!text.ends_with(unit.name)) continue;
        const auto number = plain_decimal(text.substr(0, text.size() - unit.name.size()));
        if (!number || *number <= 0) break;
        const double bytes = *number * unit.bytes;
        if (bytes < 1 || bytes > 9007199254740992.0) break;
        return static_cast<std::int64_t>(bytes);
    }
    return refuse("bad_size", text, "a size with a unit: K M G T or Ki Mi Gi Ti", "8Gi");
}

Result<std::int64_t> parse_cpu(std::string_view text) {
    const bool in_thousandths = text.ends_with('m');
    if (in_thousandths) text.remove_suffix(1);
    const auto number = plain_decimal(text);
    const double millis = number ? *number * (in_thousandths ? 1 : 1000) : 0;
    if (millis >= 1 && millis <= 1e7) return static_cast<std::int64_t>(std::llround(millis));
    return refuse("bad_cpu", text, "a number of cores", "0.5` or `500m");
}

Result<double> parse_percent(std::string_view text) {
    const auto number = text.ends_with('%') ? plain_decimal(text.substr(0, text.size() - 1))
                                            : std::optional<double>{};
    if (number && *number <= 1e6) return *number;
    return refuse("bad_percent", text, "a percentage", "75%");
}

Result<int> parse_time_of_day(std::string_view text) {
    const bool fits = text.size() == 5 && text[2] == ':' && is_digit(text[0]) &&
                      is_digit(text[1]) && is_digit(text[3]) && is_digit(text[4]);
    if (fits) {
        const int hour = (text[0] - '0') * 10 + text[1] - '0';
        const int minute = (text[3] - '0') * 10 + text[4] - '0';
        if (hour < 24 && minute < 60) return hour * 60 + minute;
    }
    return refuse("bad_time", text, "a time of day", "04:00");
}

}  // namespace sluice
