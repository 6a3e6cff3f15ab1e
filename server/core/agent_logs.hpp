#pragma once
/// The newest log lines of each agent's daemon, in memory: what it said last is there also when it
/// is not. Any thread.

#include "pipelines/base/ids.hpp"
#include "pipelines/protocol/agent_log.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

namespace sluice::core {

class AgentLogs {
public:
    protocol::AgentLogTaken take(AgentId agent, protocol::AgentLogLines lines) {
        std::lock_guard lock(mutex_);
        Log& log = logs_[agent];
        log.fed = ++feeds_;
        if (logs_.size() > k_agents) forget_longest_silent();
        if (log.session != lines.session) {
            // Lines in the middle of a session that nobody knows: all of them, please.
            if (lines.first != 0 && !log.asked) {
                log.asked = true;
                return {0};
            }
            log.session = std::move(lines.session);
            log.next = lines.first;
        }
        log.asked = false;
        for (std::string& line : lines.lines) {
            if (lines.first++ < log.next) continue;
            log.lines.push_back(std::move(line));
            log.next = lines.first;
        }
        while (log.lines.size() > protocol::k_agent_log_lines) log.lines.pop_front();
        return {log.next};
    }

    /// Oldest first, those of earlier daemons included.
    std::vector<std::string> lines(AgentId agent) const {
        std::lock_guard lock(mutex_);
        const auto found = logs_.find(agent);
        if (found == logs_.end()) return {};
        return {found->second.lines.begin(), found->second.lines.end()};
    }

    /// Machines that come and go with the load have a name each: of more than these the log goes
    /// that nobody has written into for longest.
    static constexpr std::size_t k_agents = 2000;

private:
    struct Log {
        std::int64_t fed = 0;  ///< when: the number of that call
        std::string session;
        std::int64_t next = 0;
        bool asked = false;  ///< for all lines of a session
        std::deque<std::string> lines;
    };
    void forget_longest_silent() {
        logs_.erase(std::min_element(logs_.begin(), logs_.end(), [](const auto& a, const auto& b) {
            return a.second.fed < b.second.fed;
        }));
    }

    mutable std::mutex mutex_;
    std::int64_t feeds_ = 0;
    std::map<AgentId, Log> logs_;
};

}  // namespace sluice::core
