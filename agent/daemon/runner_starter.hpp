#pragma once
/// Starts runners: by the zygote when it is there, by executing this program else (rule 2). The
/// daemon's side of the zygote's socket. Any thread, one at a time inside.

#include "platform/files.hpp"

#include <sys/types.h>

#include <mutex>
#include <string>

namespace sluice::agent {

enum class RunnerMode { run, salvage };

struct StartedRunner {
    pid_t pid = 0;
    files::Fd pidfd;  ///< readable when the runner has ended
    bool by_zygote = false;
};

class RunnerStarter {
public:
    RunnerStarter() = default;
    /// Closes the socket, by which the zygote ends; runners live on.
    ~RunnerStarter() = default;
    RunnerStarter(const RunnerStarter&) = delete;
    RunnerStarter& operator=(const RunnerStarter&) = delete;

    /// Starts the first zygote, so that it is warm when a job comes. Does not wait for it.
    void warm_up();
    /// Blocks about a millisecond with the zygote, a fork of the whole program else.
    Result<StartedRunner> start(const files::Path& dir, RunnerMode mode);
    pid_t zygote_pid();

private:
    bool zygote_ready();
    void launch_zygote();
    Result<StartedRunner> ask_zygote(const files::Path& dir, RunnerMode mode);
    static Result<StartedRunner> execute(const files::Path& dir, RunnerMode mode);

    std::mutex mutex_;
    files::Fd socket_;
    pid_t zygote_ = 0;
    bool greeted_ = false;
};

}  // namespace sluice::agent
