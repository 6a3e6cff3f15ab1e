#include "agent/daemon/runner_starter.hpp"

#include "agent/daemon/zygote.hpp"
#include "agent/log.hpp"
#include "agent/proc.hpp"
#include "platform/spawn.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

namespace sluice::agent {

namespace {

constexpr int k_answer_ms = 2'000;

/// One packet, with the descriptor that may come along; nothing on time-out or when the zygote is
/// gone.
std::optional<std::string> receive_packet(int socket, int wait_ms, files::Fd& passed) {
    // The signals of ended children arrive on any thread and must not pass for a silent zygote.
    auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    pollfd ready{socket, POLLIN, 0};
    while (true) {
        int n = ::poll(&ready, 1, wait_ms);
        if (n > 0) break;
        if (n == 0 || errno != EINTR) return std::nullopt;
        wait_ms = static_cast<int>(std::max<std::int64_t>(
            0, std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now())
                   .count()));
    }
    char buffer[512];
    iovec part{buffer, sizeof buffer};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n = 0;
    do {
        n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) return std::nullopt;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        passed = files::Fd(fd);
    }
    return std::string(buffer, static_cast<std::size_t>(n));
}

}  // namespace

void RunnerStarter::warm_up() {
    std::lock_guard lock(mutex_);
    launch_zygote();
}

pid_t RunnerStarter::zygote_pid() {
    std::lock_guard lock(mutex_);
    return zygote_;
}

void RunnerStarter::launch_zygote() {
    socket_.reset();
    greeted_ = false;
    zygote_ = 0;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    files::Fd ours(ends[0]), theirs(ends[1]);
    auto env = spawn::current_environment();
    // Every function that is bound before the fork is one that no runner has to look up.
    env["LD_BIND_NOW"] = "1";
    Result<pid_t> pid = spawn::start({.argv = {"/proc/self/exe", "zygote"},
                                      .env = env,
                                      .directory = {},
                                      .in = theirs.get(),
                                      .out = 2,
                                      .err = 2});
    if (!pid) {
        log::error(fmt::format("cannot start the zygote error=\"{}\"", pid.error().message));
        return;
    }
    socket_ = std::move(ours);
    zygote_ = *pid;
}

bool RunnerStarter::zygote_ready() {
    if (!socket_) return false;
    if (greeted_) return true;
    files::Fd none;
    std::optional<std::string> greeting = receive_packet(socket_.get(), 0, none);
    if (!greeting) return false;
    greeted_ = *greeting == image_identity();
    if (!greeted_) log::warn("the zygote is of another build");
    return greeted_;
}

Result<StartedRunner> RunnerStarter::start(const files::Path& dir, RunnerMode mode) {
    std::lock_guard lock(mutex_);
    if (zygote_ready()) {
        Result<StartedRunner> started = ask_zygote(dir, mode);
        if (started) return started;
        log::warn(fmt::format("the zygote does not answer, starting another error=\"{}\"",
                              started.error().message));
        // It may have forked before it died: the folder's lock lets only one runner pass.
        launch_zygote();
    } else if (!socket_ || ::recv(socket_.get(), nullptr, 0, MSG_PEEK | MSG_DONTWAIT) == 0) {
        launch_zygote();
    }
    return execute(dir, mode);
}

Result<StartedRunner> RunnerStarter::ask_zygote(const files::Path& dir, RunnerMode mode) {
    std::string packet = (mode == RunnerMode::run ? "R" : "S") + dir.string();
    if (packet.size() > k_zygote_packet_max)
        return error(Code::too_large, "zygote", "the folder's path is too long");
    ssize_t sent = 0;
    do {
        sent = ::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return files::errno_error(errno, "send");
    StartedRunner runner;
    runner.by_zygote = true;
    std::optional<std::string> answer = receive_packet(socket_.get(), k_answer_ms, runner.pidfd);
    if (!answer) return error(Code::unavailable, "zygote", "no answer");
    if (answer->starts_with('!')) return error(Code::io, "zygote", answer->substr(1));
    std::from_chars(answer->data(), answer->data() + answer->size(), runner.pid);
    if (runner.pid <= 0) return error(Code::internal, "zygote", "a malformed answer");
    return runner;
}

Result<StartedRunner> RunnerStarter::execute(const files::Path& dir, RunnerMode mode) {
    std::vector<std::string> argv{"/proc/self/exe", "run-job", dir.string()};
    if (mode == RunnerMode::salvage) argv.push_back("--salvage");
    SLUICE_TRY(pid_t pid, spawn::start({.argv = std::move(argv),
                                        .env = spawn::current_environment(),
                                        .directory = {},
                                        .in = -1,
                                        .out = -1,
                                        .err = 2}));
    StartedRunner runner;
    runner.pid = pid;
    runner.pidfd = proc::open_pid(pid);
    return runner;
}

}  // namespace sluice::agent
