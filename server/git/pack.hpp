#pragma once
/// What a runner needs of a commit as one file, and the folder that keeps such files. Inside a git
/// worker; one thread.

#include "platform/files.hpp"
#include "server/git/libgit.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::git {

struct PackWish {
    git_oid commit{};
    /// Commits that the reader has: their files, with `history` also all that they come from.
    std::vector<std::string> have;
    bool history = false;               ///< with all ancestors, tags, and `branches`
    std::vector<std::string> branches;  ///< names under refs/heads/, for `history`
};

struct WrittenPack {
    files::Path file;
    /// The commit of `have` that the reader needs beside the file; "" when the file is enough.
    std::string base;
};

/// Makes `<folder>/<commit>….pack`, or finds it made, with the commit, its trees and blobs (no
/// submodules), minus what is at the same place in the one commit of `have` to which the way is
/// shortest. With `history`: lines of `<id> <ref name>` first, then the pack, which is left out
/// when it would be empty. Errors: `commit_gone` when an object is missing, `io`, `disk_full`. Not
/// fsynced: packs of an earlier boot are thrown away (forget_old_packs), so that a file which a
/// power failure cut is never served.
Result<WrittenPack> write_pack(git_repository* repository, const PackWish& wish,
                               const files::Path& folder);

/// Removes the least recently used `<folder>/*/*.pack` until they are below `max_bytes`, but never
/// `keep`; and temporary files that nobody has written to for an hour.
void trim_packs(const files::Path& folder, std::uint64_t max_bytes, const files::Path& keep);

/// Empties the folder when it was last used before this boot of the machine. Once, before the first
/// worker.
void forget_old_packs(const files::Path& folder);

}  // namespace sluice::git
