#include "server/git/worker_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::git {
namespace {

constexpr int k_pipe_fd = 3;

/// GIT_*, http_proxy and the like would change what libgit2 does; these do not.
constexpr std::array k_kept_variables{std::string_view("PATH="),
                                      std::string_view("HOME="),
                                      std::string_view("LANG="),
                                      std::string_view("SSL_CERT_FILE="),
                                      std::string_view("SSL_CERT_DIR="),
                                      std::string_view("SSH_AUTH_SOCK="),
                                      std::string_view("LD_LIBRARY_PATH="),
                                      std::string_view("ASAN_OPTIONS="),
                                      std::string_view("TSAN_OPTIONS="),
                                      std::string_view("UBSAN_OPTIONS=")};

std::vector<char*> worker_environment() {
    std::vector<char*> kept;
    for (char** entry = environ; *entry; ++entry)
        for (std::string_view name : k_kept_variables)
            if (std::string_view(*entry).starts_with(name)) kept.push_back(*entry);
    kept.push_back(nullptr);
    return kept;
}

/// The attributes and actions of posix_spawn, freed together.
class SpawnSettings {
public:
    explicit SpawnSettings(int pipe_end) {
        posix_spawnattr_init(&attributes_);
        posix_spawn_file_actions_init(&actions_);
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        // Its own group: a Ctrl-C in the server's terminal is for the server, which then ends its
        // workers.
        posix_spawnattr_setpgroup(&attributes_, 0);
        posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions_, pipe_end, k_pipe_fd);
        posix_spawn_file_actions_addclosefrom_np(&actions_, k_pipe_fd + 1);
    }
    ~SpawnSettings() {
        posix_spawnattr_destroy(&attributes_);
        posix_spawn_file_actions_destroy(&actions_);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;

    const posix_spawnattr_t* attributes() const { return &attributes_; }
    const posix_spawn_file_actions_t* actions() const { return &actions_; }

private:
    posix_spawnattr_t attributes_;
    posix_spawn_file_actions_t actions_;
};

Error cannot_start(int number, const std::string& what) {
    return error(Code::io, "git_worker_died", what + ": " + std::strerror(number));
}

}  // namespace

files::Fd WorkerProcess::duplicate_pidfd() const {
    return files::Fd(fcntl(pidfd_.get(), F_DUPFD_CLOEXEC, 0));
}

void WorkerProcess::kill() {
    std::lock_guard lock(mutex_);
    if (!reaped_) ::kill(pid_, SIGKILL);
}

bool WorkerProcess::try_reap() {
    std::lock_guard lock(mutex_);
    if (!reaped_) reaped_ = waitpid(pid_, nullptr, WNOHANG) != 0;
    return reaped_;
}

void WorkerProcess::kill_and_wait() {
    std::lock_guard lock(mutex_);
    if (reaped_) return;
    ::kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
}

Result<StartedWorker> start_worker(const files::Path& program) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return cannot_start(errno, "cannot make the pipe to a git worker");
    files::Fd ours(ends[0]);
    files::Fd theirs(ends[1]);
    // dup2 of a descriptor onto itself would keep close-on-exec, so the child's end must not be 3
    // already.
    if (theirs.get() == k_pipe_fd)
        theirs = files::Fd(fcntl(theirs.get(), F_DUPFD_CLOEXEC, k_pipe_fd + 1));

    SpawnSettings settings(theirs.get());
    std::vector<char*> environment = worker_environment();
    std::string name = program.string();
    std::string command = "git-worker";
    char* arguments[] = {name.data(), command.data(), nullptr};
    pid_t pid = -1;
    const int failed = posix_spawn(&pid, name.c_str(), settings.actions(), settings.attributes(),
                                   arguments, environment.data());
    if (failed != 0) return cannot_start(failed, "cannot start a git worker (" + name + ")");
    files::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    auto process = std::make_unique<WorkerProcess>(pid, std::move(pidfd));
    return StartedWorker{std::move(process), std::move(ours)};
}

}  // namespace sluice::git
