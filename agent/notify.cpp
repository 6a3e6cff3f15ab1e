#include "agent/notify.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace sluice::agent {

namespace {

constexpr const char* k_name = "notices.sock";

/// Socket addresses hold 107 bytes and agent folders may be deeper, so the way goes through a
/// descriptor.
sockaddr_un address_below(const files::Fd& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder.get(),
                  k_name);
    return address;
}

}  // namespace

Result<files::Fd> bind_notices(const files::Path& agent_dir) {
    SLUICE_TRY(files::Fd folder, files::open(agent_dir, O_PATH | O_DIRECTORY));
    files::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return files::errno_error(errno, "socket");
    ::unlinkat(folder.get(), k_name, 0);
    sockaddr_un address = address_below(folder);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return files::errno_error(errno, (agent_dir / k_name).string());
    return socket;
}

std::optional<AttemptId> receive_notice(int fd) {
    char buffer[32];
    ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n <= 0) return std::nullopt;
    return AttemptId::parse(std::string_view(buffer, static_cast<std::size_t>(n)));
}

void send_notice(const files::Path& agent_dir, AttemptId attempt) {
    Result<files::Fd> folder = files::open(agent_dir, O_PATH | O_DIRECTORY);
    if (!folder) return;
    files::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = address_below(*folder);
    std::string text = std::to_string(attempt.value);
    ::sendto(socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<sockaddr*>(&address), sizeof address);
}

}  // namespace sluice::agent
