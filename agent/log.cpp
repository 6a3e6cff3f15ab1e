#include "agent/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace sluice::agent::log {

namespace {

spdlog::logger& logger() {
    static spdlog::logger instance = [] {
        spdlog::logger made("agent", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
        made.flush_on(spdlog::level::trace);
        return made;
    }();
    return instance;
}

std::string& name() {
    static std::string value = "agent";
    return value;
}

void write(spdlog::level::level_enum level, std::string_view event) {
    logger().log(level, "{}: {}", name(), event);
}

}  // namespace

void set_name(std::string value) {
    name() = std::move(value);
}
void info(std::string_view event) {
    write(spdlog::level::info, event);
}
void warn(std::string_view event) {
    write(spdlog::level::warn, event);
}
void error(std::string_view event) {
    write(spdlog::level::err, event);
}

}  // namespace sluice::agent::log
