#pragma once
/// Puts files of Git LFS in the place of their pointers (docs/decisions/0031). Blocking; one
/// thread.

#include "pipelines/protocol/lfs.hpp"
#include "platform/files.hpp"

#include <vector>

namespace sluice::agent {

/// Whether the workspace's file is the pointer that the commit has there: a regular file that is
/// not reached through a link. Refused with `lfs_no_pointer` when it is something else.
Result<> check_lfs_pointer(const files::Path& workspace, const protocol::LfsFile& file);

/// Puts `object` in the place of the file's pointer at once, with its mode: the object itself when
/// it is the `last` one who needs it, else a copy. Its bytes are those of the digest already.
Result<> put_lfs_file(const files::Path& workspace, const protocol::LfsFile& file,
                      const files::Path& object, bool last);

/// Tells the index of the repository in `workspace` what the files look like now, as git does after
/// its filter: `git status` finds nothing changed, with git-lfs installed or without.
Result<> note_lfs_files(const files::Path& workspace, const std::vector<protocol::LfsFile>& files);

}  // namespace sluice::agent
