#pragma once
/// The agent that `--embedded-agent` starts: an ordinary sluice-agent in DATA/agent, enrolled by
/// the server itself, restarted when it dies. Its runners outlive both.

#include "platform/files.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace sluice::server {

/// Owns a thread that starts, watches and stops the daemon. The daemon dies with that thread (the
/// kernel's doing), so a killed server leaves no second daemon behind.
class EmbeddedAgent {
public:
    struct Options {
        files::Path program;  ///< sluice-agent
        files::Path dir;
        std::string url;      ///< of this server
        std::string ca_file;  ///< trusted for it; "" = plain HTTP
        int capacity = 2;
        /// Makes a one-use enrolment token.
        std::function<std::string()> enrolment;
    };
    explicit EmbeddedAgent(Options options);
    /// Stops the daemon; its runners go on.
    ~EmbeddedAgent();
    EmbeddedAgent(const EmbeddedAgent&) = delete;
    EmbeddedAgent& operator=(const EmbeddedAgent&) = delete;

private:
    void loop();
    bool enrolled_here() const;
    bool enrol();
    /// Waits; true when stopping.
    bool pause(int milliseconds);

    Options options_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace sluice::server
