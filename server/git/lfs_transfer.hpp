#pragma once
/// Fetches objects of Git LFS: from the LFS server of a repository by its batch API (transfer
/// `basic`), or from the folder of a repository on this machine. Blocking: a pool of its own.
///
/// Errors say which object or host: `lfs_missing`, `lfs_mismatch`, `lfs_forbidden` (credentials),
/// `lfs_denied` (an address or redirect that is not allowed), `lfs_unreachable`, and `interrupted`.

#include "pipelines/base/time.hpp"
#include "pipelines/protocol/lfs.hpp"
#include "platform/http_client.hpp"
#include "server/git/lfs.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::git {

/// Where one object can be had.
struct LfsSource {
    protocol::LfsPointer object;
    std::string href;
    std::vector<std::string> headers;
    std::optional<Error> refusal{};  ///< the server has said no to this one alone
};

/// Takes the next bytes; a refusal ends the transfer and is its error.
using LfsSink = std::function<Result<>(std::string_view piece)>;

/// One caller at a time, but for stop().
class LfsTransfer {
public:
    struct Settings {
        LfsPlace place;
        std::string username, password;  ///< for the endpoint's own scheme, host and port
        std::vector<files::Path> local_roots;
        std::vector<std::string> allowed_hosts;
        Duration first_pause{500};  ///< before the second of three tries; doubles
    };
    static constexpr std::size_t k_batch = 100;

    explicit LfsTransfer(Settings settings);

    /// At most k_batch objects; in their order.
    Result<std::vector<LfsSource>> locate(const std::vector<protocol::LfsPointer>& objects);
    /// All bytes go to `sink`: never more than the pointer's size, and not fewer without an error.
    /// Their digest is the caller's to check. One try: after `lfs_unreachable`, locate() again.
    Result<> fetch(const LfsSource& source, const LfsSink& sink);
    /// Ends what is under way with `interrupted`, and all that follows. Any thread.
    void stop();

private:
    Result<http_client::Response> ask(http_client::Request request,
                                      const std::vector<std::string>& headers);
    Result<http_client::Response> ask_batch(const std::string& body);
    Result<std::vector<LfsSource>> locate_files(const std::vector<protocol::LfsPointer>& objects);
    Result<std::vector<LfsSource>> read_batch(const std::vector<protocol::LfsPointer>& objects,
                                              std::string_view body) const;
    Result<> fetch_file(const LfsSource& source, const LfsSink& sink);

    Settings settings_;
    std::string authorization_;  ///< header; "" = there are no credentials
    http_client::Client client_;
    std::atomic<bool> stopped_{false};
};

}  // namespace sluice::git
