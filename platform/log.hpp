#pragma once
/// Log lines of Sluice's programs to stderr, each an event with fields: `schedule fired id=3
/// run=7`. Lower case, no period, never a secret. Any thread. Must not be used in the zygote before
/// it forks.
///
/// spdlog writes them. Only log.cpp includes it: its headers, and the formatting that they
/// instantiate, cost every file that does some seconds of compiling.

#include <fmt/core.h>

#include <optional>
#include <string_view>

namespace sluice::log {

enum class Level { debug, info, warn, error, critical };

/// `debug`, `info`, `warn` or `error`.
std::optional<Level> level_from(std::string_view name);
/// As it stands in a line: `info`, `warning`, `error`.
std::string_view to_text(Level level);

/// Lines below are left out; `info` at the start.
void set_level(Level lowest);

/// What the functions below do, for a level that is known at run time only.
void write(Level level, fmt::string_view format, fmt::format_args values);

template <class... Values>
void info(fmt::format_string<Values...> format, Values&&... values) {
    write(Level::info, format, fmt::make_format_args(values...));
}
template <class... Values>
void warn(fmt::format_string<Values...> format, Values&&... values) {
    write(Level::warn, format, fmt::make_format_args(values...));
}
template <class... Values>
void error(fmt::format_string<Values...> format, Values&&... values) {
    write(Level::error, format, fmt::make_format_args(values...));
}
template <class... Values>
void critical(fmt::format_string<Values...> format, Values&&... values) {
    write(Level::critical, format, fmt::make_format_args(values...));
}

}  // namespace sluice::log
