#include "platform/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace sluice::log {

namespace {

spdlog::level::level_enum of(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warn: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
        case Level::critical: break;
    }
    return spdlog::level::critical;
}

spdlog::logger& logger() {
    static spdlog::logger instance = [] {
        spdlog::logger made("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
        made.flush_on(spdlog::level::trace);
        return made;
    }();
    return instance;
}

}  // namespace

std::optional<Level> level_from(std::string_view name) {
    if (name == "debug") return Level::debug;
    if (name == "info") return Level::info;
    if (name == "warn") return Level::warn;
    if (name == "error") return Level::error;
    return std::nullopt;
}

std::string_view to_text(Level level) {
    const auto word = spdlog::level::to_string_view(of(level));
    return {word.data(), word.size()};
}

void set_level(Level lowest) {
    logger().set_level(of(lowest));
}

void write(Level level, fmt::string_view format, fmt::format_args values) {
    spdlog::logger& out = logger();
    if (!out.should_log(of(level))) return;
    const std::string line = fmt::vformat(format, values);
    out.log(of(level), spdlog::string_view_t(line));
}

}  // namespace sluice::log
