#include "agent/daemon/zygote.hpp"

#include "agent/proc.hpp"
#include "agent/runner/run_job.hpp"
#include "agent/runner/source_checkout.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"
#include "platform/http_client.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace sluice::agent {

namespace {

constexpr int k_socket = 0;

/// A second thread could hold a lock (malloc, locale, resolver) at the moment of a fork, for ever
/// in the child.
bool single_threaded() {
    std::error_code failed;
    std::filesystem::directory_iterator tasks("/proc/self/task", failed), end;
    return !failed && std::distance(tasks, end) == 1;
}

bool peer_is_parent() {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(k_socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == ::getuid() && peer.pid == ::getppid();
}

bool send_packet(std::string_view text, int fd) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return ::sendmsg(k_socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

/// Leaves nothing of the zygote behind, then carries the attempt.
[[noreturn]] void become_runner(char mode, const char* dir) {
    ::setsid();
    int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::close_range(3, ~0U, 0);
    ::signal(SIGCHLD,
             SIG_DFL);  // the only one we changed; posix_spawn gave us the rest as defaults
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::umask(022);
    prepare_runner_process();
    int code = 70;
    try {
        code = static_cast<int>(mode == 'S' ? salvage_job(dir) : run_job(dir));
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "sluice-agent: runner failed dir=%s error=\"%s\"\n", dir,
                     failure.what());
    }
    // Not exit(): atexit handlers and static destructors belong to the zygote.
    std::fflush(nullptr);
    ::_exit(code);
}

/// The runners that live; every other child of ours is something a killed runner left.
std::set<pid_t>& runners() {
    static std::set<pid_t> pids;
    return pids;
}

/// A runner kills its own tree. One that was killed can't: as sub-reaper we inherit what it left,
/// also daemons that cleaned their environment and that salvage could not recognise by their
/// marker.
void kill_orphans() {
    std::ifstream list("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    for (pid_t pid = 0; list >> pid;)
        if (!runners().contains(pid)) ::kill(pid, SIGKILL);
}

void reap_runners() {
    while (true) {
        const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
        if (pid <= 0) break;
        runners().erase(pid);
    }
    kill_orphans();
}

bool serve_request(char* packet) {
    failpoint::hit("zygote.fork", "before");
    pid_t pid = ::fork();
    if (pid < 0) return send_packet(std::string("!fork: ") + std::strerror(errno), -1);
    if (pid == 0) become_runner(packet[0], packet + 1);
    runners().insert(pid);
    failpoint::hit("zygote.fork", "after");
    // Not reaped before this: the pid is still that child.
    files::Fd pidfd = proc::open_pid(pid);
    return send_packet(std::to_string(pid), pidfd.get());
}

void on_child(int) {}

}  // namespace

std::string image_identity() {
    struct stat image {};
    if (::stat("/proc/self/exe", &image) != 0) return "unknown";
    return std::to_string(image.st_dev) + ":" + std::to_string(image.st_ino) + ":" +
           std::to_string(image.st_mtim.tv_sec) + "." + std::to_string(image.st_mtim.tv_nsec);
}

int run_zygote() {
    ::prctl(PR_SET_DUMPABLE, 0);
    ::prctl(PR_SET_NAME, "sluice-zygote");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::mallopt(M_ARENA_MAX, 1);
    if (!peer_is_parent()) {
        std::fprintf(stderr, "sluice-agent: zygote is started by the daemon only\n");
        return 64;
    }
    crypto::init();
    http_client::init_client();
    init_git();
    if (!single_threaded()) {
        std::fprintf(stderr, "sluice-agent: a library started a thread in the zygote\n");
        return 70;
    }
    // SIGCHLD is open only inside ppoll, so children are reaped between requests and never before
    // their pidfd is open.
    sigset_t child, before;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, &before);
    struct sigaction action {};
    action.sa_handler = &on_child;
    ::sigaction(SIGCHLD, &action, nullptr);
    if (!send_packet(image_identity(), -1)) return 1;

    static char packet[k_zygote_packet_max + 1];
    while (true) {
        reap_runners();
        pollfd ready{k_socket, POLLIN, 0};
        if (::ppoll(&ready, 1, nullptr, &before) < 0) continue;
        ssize_t n = ::recv(k_socket, packet, k_zygote_packet_max, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 1) return 0;  // the daemon is gone; the runners live on
        packet[n] = '\0';
        if (!serve_request(packet)) return 0;
    }
}

}  // namespace sluice::agent
