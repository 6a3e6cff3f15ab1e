#pragma once
/// Packs files of a folder into blobs (pipelines/protocol/packs.hpp): small files share a blob,
/// large ones have one each. Each blob is written to a file and handed out before the next begins,
/// so the disk holds one at a time and memory a block. Blocking, one thread.

#include "pipelines/protocol/packs.hpp"
#include "platform/files.hpp"

#include <functional>
#include <string>
#include <vector>

namespace sluice::packs {

struct WriteOptions {
    files::Path root;     ///< what the paths are relative to
    files::Path scratch;  ///< a folder for the blob that is being made
    /// Takes a finished blob; its file is removed afterwards.
    std::function<Result<>(const protocol::Blob& blob, const files::Path& file)> take;
    /// Asked now and then; true ends the work with id `interrupted`.
    std::function<bool()> stopped = {};
    std::int64_t own_blob = 4 << 20;      ///< a file of that size has a blob of its own
    std::int64_t shared_blob = 64 << 20;  ///< small files together, at most about so much content
};

struct Written {
    protocol::Blob manifest;
    protocol::PackHead head;
};

/// Paths of regular files, folders and symbolic links below the root, any order. What is none of
/// those is refused (`archive_type`), so are names and links that no reader would take. A link is
/// packed as a link. A file that changes meanwhile is refused (`file_changed`). The same files give
/// the same blobs. `take` gets the manifest last.
Result<Written> write_pack(std::vector<std::string> paths, const WriteOptions& options);

/// All below the root but `.git` at its top: files and links, and folders that are empty. Refused
/// (`archive_quota`) with more than a million.
Result<std::vector<std::string>> list_tree(const files::Path& root, bool without_git);

}  // namespace sluice::packs
