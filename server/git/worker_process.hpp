#pragma once
/// Starts and ends git worker processes.

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <sys/types.h>

#include <memory>
#include <mutex>

namespace sluice::git {

/// A child process that is killed and reaped exactly once: its pid is never signalled after it was
/// reaped, when it may belong to somebody else. Any thread.
class WorkerProcess {
public:
    WorkerProcess(pid_t pid, files::Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    ~WorkerProcess() { kill_and_wait(); }
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    pid_t pid() const { return pid_; }
    /// A new descriptor that becomes readable when the process has ended.
    files::Fd duplicate_pidfd() const;
    /// SIGKILL, does not wait.
    void kill();
    /// True when the process has ended; it is reaped then.
    bool try_reap();
    /// SIGKILL, and blocks until the process is gone.
    void kill_and_wait();

private:
    const pid_t pid_;
    const files::Fd pidfd_;
    std::mutex mutex_;
    bool reaped_ = false;
};

struct StartedWorker {
    std::unique_ptr<WorkerProcess> process;
    files::Fd socket;  ///< our end of the pipe, close-on-exec
};

/// Runs `program git-worker` with its end of a socket pair as fd 3, no other descriptors but 0-2, a
/// reset signal mask, a process group of its own and the few environment variables that TLS, ssh
/// and sanitizers need. Refused with `git_worker_died` when the program cannot be started.
Result<StartedWorker> start_worker(const files::Path& program);

}  // namespace sluice::git
