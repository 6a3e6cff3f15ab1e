#pragma once
/// Brings the daemon's log lines to the server, where people read them (`sluice agent logs`); a
/// thread of its own, so that no claim waits for it.

#include "agent/config.hpp"
#include "agent/server_api.hpp"

#include <atomic>
#include <thread>

namespace sluice::agent {

class LogCourier {
public:
    explicit LogCourier(const Config& config);
    /// Sends what is left; at most a few seconds.
    ~LogCourier();
    LogCourier(const LogCourier&) = delete;
    LogCourier& operator=(const LogCourier&) = delete;

private:
    void run();
    bool send();

    AgentApi api_;
    std::string session_;
    std::int64_t next_ = 0;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace sluice::agent
