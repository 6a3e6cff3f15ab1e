#include "agent/executors/container/link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace sluice::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_frame_max = 8 << 20;
constexpr Duration k_answer{20'000};

Error gone() {
    return error(Code::unavailable, "container_gone", "the container has ended");
}

/// Waits until the descriptor is ready; false when the time is over.
bool wait_ready(int fd, short events, Clock::time_point deadline) {
    pollfd ready{fd, events, 0};
    while (true) {
        auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now()).count();
        int n = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
        if (n > 0) return true;
        if (n == 0 || errno != EINTR) return false;
    }
}

}  // namespace

Result<> KeeperLink::send(char letter, const std::vector<std::string>& texts, int passed) {
    std::string frame(1, letter);
    for (const std::string& text : texts) frame.append(text.c_str(), text.size() + 1);
    if (frame.size() > k_frame_max)
        return error(Code::too_large, "environment_too_large",
                     "the step's command and environment are too large");
    auto size = static_cast<std::uint32_t>(frame.size());
    frame.insert(0, reinterpret_cast<const char*>(&size), sizeof size);
    const auto deadline = Clock::now() + k_answer;
    std::string_view rest = frame;
    while (!rest.empty()) {
        iovec part{const_cast<char*>(rest.data()), rest.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (passed >= 0) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
        }
        ssize_t n = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            rest.remove_prefix(static_cast<std::size_t>(n));
            passed = -1;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN || !wait_ready(socket_.get(), POLLOUT, deadline)) return gone();
    }
    return {};
}

Result<> KeeperLink::read_all(char* bytes, std::size_t size, Duration longest, files::Fd& passed) {
    const auto deadline = Clock::now() + longest;
    while (size > 0) {
        iovec part{bytes, size};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        ssize_t n = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        const cmsghdr* header = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
        if (header != nullptr && header->cmsg_level == SOL_SOCKET &&
            header->cmsg_type == SCM_RIGHTS) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
            passed = files::Fd(fd);
        }
        if (n > 0) {
            bytes += n;
            size -= static_cast<std::size_t>(n);
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n == 0 || errno != EAGAIN) return gone();
        if (!wait_ready(socket_.get(), POLLIN, deadline))
            return error(Code::timeout, "container_silent", "the container does not answer");
    }
    return {};
}

Result<Frame> KeeperLink::receive(Duration longest) {
    std::uint32_t size = 0;
    Frame frame;
    SLUICE_CHECK(read_all(reinterpret_cast<char*>(&size), sizeof size, longest, frame.passed));
    if (size == 0 || size > k_frame_max) return gone();
    std::string bytes(size, '\0');
    SLUICE_CHECK(read_all(bytes.data(), bytes.size(), k_answer, frame.passed));
    frame.letter = bytes[0];
    for (std::size_t at = 1; at < bytes.size();) {
        std::size_t end = bytes.find('\0', at);
        if (end == std::string::npos) end = bytes.size();
        frame.texts.push_back(bytes.substr(at, end - at));
        at = end + 1;
    }
    return frame;
}

Result<Frame> KeeperLink::ask(char letter, const std::vector<std::string>& texts, int passed) {
    SLUICE_CHECK(send(letter, texts, passed));
    return receive(k_answer);
}

ucred KeeperLink::peer() const {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
    return peer;
}

Result<KeeperSocket> KeeperSocket::listen(const files::Path& path) {
    files::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return files::errno_error(errno, "socket");
    // By the folder's descriptor: an address has room for 107 bytes only.
    SLUICE_TRY(files::Fd folder, files::open(path.parent_path(), O_PATH | O_DIRECTORY));
    std::string name =
        "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.filename().string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() >= sizeof address.sun_path)
        return error(Code::too_large, "socket", "the socket's name is too long");
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    ::unlink(path.c_str());
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), 0666) != 0 || ::listen(socket.get(), 1) != 0)
        return files::errno_error(errno, "listen on " + path.string());
    return KeeperSocket(std::move(socket), path);
}

Result<KeeperLink> KeeperSocket::accept(Duration longest) {
    if (!wait_ready(socket_.get(), POLLIN, Clock::now() + longest))
        return error(Code::timeout, "container_silent",
                     "the container started, but does not answer");
    files::Fd link(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!link) return files::errno_error(errno, "accept");
    // One keeper: whoever connects later is not it.
    ::unlink(path_.c_str());
    socket_.reset();
    return KeeperLink(std::move(link));
}

}  // namespace sluice::agent
