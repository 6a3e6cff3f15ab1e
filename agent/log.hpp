#pragma once
/// Log lines of the agent's own programs to stderr, each an event with fields: `job claimed
/// attempt=7 job="test"`. Lower case, no period, never a secret. Any thread. Must not be used in
/// the zygote before it forks.

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::agent::log {

/// The program's name in each line, e.g. `daemon`, `runner 17`.
void set_name(std::string name);
void info(std::string_view event);
void warn(std::string_view event);
void error(std::string_view event);

/// Keeps the newest lines from now on, at most that many.
void keep_recent(std::size_t lines);
/// Lines that are kept, by number; the first line is 0.
struct Recent {
    std::int64_t first = 0;
    std::vector<std::string> lines;
};
/// From that number on, or from the oldest that is kept.
Recent recent(std::int64_t from);
/// How often wake_readers() was called; what to wait for is looked at after this.
std::uint64_t wakes();
/// Returns when line `next` is there, wake_readers() was called since `seen`, or the time is over.
void wait_for_line(std::int64_t next, std::chrono::milliseconds longest, std::uint64_t seen);
void wake_readers();

}  // namespace sluice::agent::log
