#pragma once
/// The runner's end of the connection to a container's keeper (keeper.c says what travels on it).
/// Blocking but for descriptor(), with a limit of time on each call; one thread.

#include "pipelines/base/time.hpp"
#include "platform/files.hpp"

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice::agent {

struct Frame {
    char letter = 0;
    std::vector<std::string> texts;
    files::Fd passed{};  ///< a descriptor that came along
};

class KeeperLink {
public:
    explicit KeeperLink(files::Fd socket) : socket_(std::move(socket)) {}

    /// Code::unavailable when the keeper is gone or does not take it in time. `passed` goes along,
    /// -1 = none.
    Result<> send(char letter, const std::vector<std::string>& texts, int passed = -1);
    /// The next frame; Code::timeout, or Code::unavailable when the keeper is gone.
    Result<Frame> receive(Duration longest);
    /// send(), then receive().
    Result<Frame> ask(char letter, const std::vector<std::string>& texts, int passed = -1);
    /// Readable when a frame has come or the keeper is gone.
    int descriptor() const { return socket_.get(); }
    /// The keeper's process, user and group as this machine knows them; pid 0 when unknown.
    ucred peer() const;

private:
    Result<> read_all(char* bytes, std::size_t size, Duration longest, files::Fd& passed);
    files::Fd socket_;
};

/// A socket that one keeper connects to.
class KeeperSocket {
public:
    /// Makes `path`, which anybody may connect to who sees its folder.
    static Result<KeeperSocket> listen(const files::Path& path);
    Result<KeeperLink> accept(Duration longest);

private:
    KeeperSocket(files::Fd socket, files::Path path)
        : socket_(std::move(socket)), path_(std::move(path)) {}
    files::Fd socket_;
    files::Path path_;
};

}  // namespace sluice::agent
