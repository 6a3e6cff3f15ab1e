#pragma once
/// Packs of local runs: their blobs are files of one folder, by digest. Blocking, one thread.

#include "pipelines/protocol/packs.hpp"
#include "platform/files.hpp"

namespace sluice::cli::local {

/// Writes the files of a pack below `to`.
Result<> unpack_local(const files::Path& blobs, const protocol::PackRef& pack,
                      const files::Path& to);

/// What runs of a checkout have cached, newest first.
class LocalCaches {
public:
    /// Caches whose blobs are gone are forgotten.
    LocalCaches(files::Path index, files::Path blobs);
    const std::vector<protocol::CacheReply>& list() const { return list_; }
    /// Kept on the disk at once.
    void add(const protocol::PackRef& pack, std::int64_t run);

private:
    files::Path index_, blobs_;
    std::vector<protocol::CacheReply> list_;
};

/// Removes blobs that were not used for longest until the rest has at most that many bytes.
void trim_blobs(const files::Path& blobs, std::int64_t most);

}  // namespace sluice::cli::local
