#include "pipelines/base/text.hpp"
#include "server/git/git_service.hpp"
#include "server/git/worker.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <optional>

namespace sluice::git {
namespace {

constexpr int k_pipe_fd = 3;
constexpr std::uint64_t k_gib = 1ull << 30;
/// A disk with less room is full: the page that was wanted did not fit.
constexpr std::uint64_t k_full_below = 1 << 20;

void limit(__rlimit_resource_t resource, rlim_t value) {
    rlimit now{};
    if (getrlimit(resource, &now) != 0) return;
    now.rlim_cur = now.rlim_max == RLIM_INFINITY ? value : std::min<rlim_t>(value, now.rlim_max);
    setrlimit(resource, &now);
}

/// False at the end of the stream.
bool read_all(char* out, std::size_t size) {
    while (size > 0) {
        const ssize_t got = ::read(k_pipe_fd, out, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        out += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

bool write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(k_pipe_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::optional<std::string> read_frame() {
    std::array<char, wire::k_header_bytes> header{};
    if (!read_all(header.data(), header.size())) return std::nullopt;
    auto sizes = wire::parse_header(header);
    if (!sizes || sizes->raw != 0) return std::nullopt;
    std::string body(sizes->json, '\0');
    if (!read_all(body.data(), body.size())) return std::nullopt;
    return body;
}

// libgit2 writes packs through a mapping of the file, and a page for which there is no block on the
// disk is a signal instead of an error of write(). What the handler says was put together before:
// it may not allocate.
struct BusError {
    std::string folder;  ///< of the request that is being answered
    std::string disk_full, damaged;
} bus_error;

void on_bus_error(int) {
    struct statfs disk {};
    const bool is_full =
        ::statfs(bus_error.folder.c_str(), &disk) == 0 &&
        static_cast<std::uint64_t>(disk.f_bavail) * static_cast<std::uint64_t>(disk.f_bsize) <
            k_full_below;
    (void)write_all(is_full ? bus_error.disk_full : bus_error.damaged);
    _exit(1);  // the mapping is in the middle of a write; a fresh worker takes the next request
}

void answer_bus_errors() {
    bus_error.disk_full = wire::encode(wire::Reply(
        error(Code::unavailable, "disk_full",
              "No space left on device: the server keeps what it fetches from repositories in "
              "`mirrors` of its data folder; make room there and try again")));
    bus_error.damaged = wire::encode(wire::Reply(
        error(Code::io, "git_worker_died",
              "a file of the repository could not be read to its end: it was cut while it was in "
              "use, or its disk is damaged")));
    struct sigaction action {};
    action.sa_handler = on_bus_error;
    sigaction(SIGBUS, &action, nullptr);
}

wire::Reply answer(Worker& worker, std::string_view frame) {
    auto request = wire::decode_request(frame);
    if (!request) return request.error();
    bus_error.folder = request->path;
    return worker.handle(*request);
}

/// True when the server's end of the pipe is closed, whatever it wrote before.
bool server_is_gone() {
    pollfd pipe{k_pipe_fd, POLLRDHUP, 0};
    return poll(&pipe, 1, 0) > 0 && (pipe.revents & (POLLRDHUP | POLLHUP)) != 0;
}

}  // namespace

void limit_worker() {
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 4096);
    limit(RLIMIT_FSIZE, 16 * k_gib);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // A pack bomb ends as a refused allocation. Sanitizers reserve terabytes and cannot live under
    // such a limit.
    limit(RLIMIT_AS, 6 * k_gib);
#endif
    // Over the file limit: an error from write(), not a death.
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    // A worker that hangs in a fetch would outlive a killed server: it notices a closed pipe only
    // between two requests. The threads that start workers live as long as the server.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, std::size_t{20'000'000});
    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, static_cast<std::size_t>(2 * k_gib));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, static_cast<std::size_t>(2 * k_gib));
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    // The administrator listed the roots: repositories there belong to the git user, not to us.
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    for (int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG,
                      GIT_CONFIG_LEVEL_PROGRAMDATA})
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
}

void limit_request(std::int64_t deadline_ms) {
    const auto seconds = static_cast<unsigned int>(deadline_ms / 1000 + 10);
    // The server kills us at the deadline; when it was killed itself nobody else would.
    alarm(seconds);
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    limit(RLIMIT_CPU, static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + seconds);
}

int worker_main() {
    limit_worker();
    answer_bus_errors();
    // It may have died before the death signal was asked for.
    if (server_is_gone()) return 0;
    auto first = read_frame();
    if (!first) return 0;
    auto setup = wire::decode_setup(*first);
    if (!setup) return 1;
    const std::int64_t deadline_ms = setup->deadline_ms;
    Worker worker(std::move(*setup));
    while (auto frame = read_frame()) {
        limit_request(deadline_ms);
        // Out of memory ends the process, and a fresh one takes its place: what is left may be in
        // any state.
        if (!write_all(wire::encode(answer(worker, *frame)))) return 0;
        worker.tidy();
        alarm(0);
    }
    return 0;
}

}  // namespace sluice::git
