#pragma once
/// The daemon claims and places; runners carry (architecture §5). It may be killed at any moment:
/// attempts live in their folders, and the next daemon re-adopts the live ones and salvages the
/// dead ones.
///
/// Threads: run() holds the io_context (runners' ends, notices, signals, timers); one more thread
/// claims.

#include "agent/daemon/claimer.hpp"
#include "agent/daemon/runner_starter.hpp"
#include "agent/daemon/slots.hpp"
#include "agent/executors/executor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>

namespace sluice::agent {

struct DaemonOptions {
    files::Path dir;
    int capacity = 1;
};

class Daemon {
public:
    Daemon(DaemonOptions options, Config config, ExecutorSettings executors);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Until drained (0), stopped by a second signal (0), or refused by the server (see
    /// Claimer::Refusal). The folder must be locked by the caller.
    int run();

private:
    /// One attempt folder that this daemon watches.
    struct Watched {
        files::Path dir;
        RunnerMode mode = RunnerMode::run;
        std::unique_ptr<boost::asio::posix::stream_descriptor> end;  ///< its pidfd
        std::unique_ptr<boost::asio::steady_timer> retry;
        int tries = 0;
    };

    // On the io_context's thread.
    void adopt_folders();
    void watch(AttemptId attempt, files::Fd pidfd, RunnerMode mode);
    void poll_lock(AttemptId attempt);
    void runner_ended(AttemptId attempt);
    void salvage(AttemptId attempt);
    void salvage_later(AttemptId attempt);
    void drop(AttemptId attempt);
    void receive_notices();
    void wait_for_signal();
    void on_signal(int number);
    void claims_ended(Claimer::Refusal refusal, const std::string& message);
    void leave_if_drained();
    // On the claiming thread.
    Result<> place(const protocol::ClaimedJob& job);
    std::string obstacle() const;

    files::Path folder_of(AttemptId attempt) const;

    DaemonOptions options_;
    Config config_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    boost::asio::posix::stream_descriptor notices_{io_};
    RunnerStarter starter_;
    Slots slots_;
    std::map<AttemptId, Watched> watched_;
    Claimer claimer_;
    bool draining_ = false;
    bool claiming_ = true;
    int exit_code_ = 0;
};

/// Locks DIR, loads the configuration, runs the daemon. The body of `sluice-agent run`.
int run_daemon(const DaemonOptions& options);

}  // namespace sluice::agent
