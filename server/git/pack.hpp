#pragma once
/// One commit as a pack file, and the folder that keeps such files. Inside a git worker; one
/// thread.

#include "platform/files.hpp"
#include "server/git/libgit.hpp"

#include <cstdint>

namespace sluice::git {

/// Writes a pack with the commit, its trees and blobs (no parents, no submodules) and renames it to
/// `target`. Errors: `commit_gone` when an object is missing, `io`, `disk_full`. Not fsynced: packs
/// of an earlier boot are thrown away (forget_old_packs), so that a file which a power failure cut
/// is never served.
Result<> write_pack(git_repository* repository, const git_oid& commit, const files::Path& target);

/// Removes the least recently used `<folder>/*/*.pack` until they are below `max_bytes`, but never
/// `keep`; and temporary files that nobody has written to for an hour.
void trim_packs(const files::Path& folder, std::uint64_t max_bytes, const files::Path& keep);

/// Empties the folder when it was last used before this boot of the machine. Once, before the first
/// worker.
void forget_old_packs(const files::Path& folder);

}  // namespace sluice::git
