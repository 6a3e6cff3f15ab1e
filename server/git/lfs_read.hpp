#pragma once
/// Which files of a commit are kept by Git LFS. Inside a git worker; one thread; no network.

#include "pipelines/protocol/lfs.hpp"
#include "server/git/libgit.hpp"

#include <vector>

namespace sluice::git {

/// The files of the commit whose path has `filter=lfs` by its `.gitattributes` and whose blob is a
/// pointer, by path. Inside a git worker. Errors: `lfs_bad_pointer` with the path, `lfs_too_large`
/// (their number), `commit_gone`.
Result<std::vector<protocol::LfsFile>> read_lfs_files(git_repository* repository,
                                                      git_commit* commit);

}  // namespace sluice::git
