#pragma once
/// Log lines of the agent's own programs to stderr, each an event with fields: `job claimed
/// attempt=7 job="test"`. Lower case, no period, never a secret. Any thread. Must not be used in
/// the zygote before it forks.

#include <fmt/format.h>

#include <string_view>

namespace sluice::agent::log {

/// The program's name in each line, e.g. `daemon`, `runner 17`.
void set_name(std::string name);
void info(std::string_view event);
void warn(std::string_view event);
void error(std::string_view event);

}  // namespace sluice::agent::log
