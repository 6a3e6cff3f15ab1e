#pragma once
/// `POST /agent/v1/log` with the agent's token: lines of the daemon's log, for people who look from
/// afar (`sluice agent logs`). AgentLogLines → 200 AgentLogTaken.

#include "pipelines/base/json.hpp"
#include "pipelines/base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::protocol {

/// Lines that a daemon and the server keep of it.
inline constexpr std::size_t k_agent_log_lines = 500;
inline constexpr std::size_t k_agent_log_line_max = 2048;

struct AgentLogLines {
    std::string session;     ///< random per daemon start: numbers begin anew with it
    std::int64_t first = 0;  ///< number of the first line; the daemon's first one is 0
    std::vector<std::string> lines;
};
struct AgentLogTaken {
    /// The next line's number. 0 after lines with other numbers: the server has none of this
    /// session (it was restarted) and wants all that the daemon still knows.
    std::int64_t next = 0;
};

json::Value to_json(const AgentLogLines& value);
Result<AgentLogLines> parse_agent_log(const json::Value& value);
json::Value to_json(const AgentLogTaken& value);
Result<AgentLogTaken> parse_agent_log_taken(const json::Value& value);

}  // namespace sluice::protocol
