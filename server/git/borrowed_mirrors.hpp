#pragma once
/// Mirrors of repositories that are no project's own: submodules and fragments, named by whoever
/// writes a commit. Unlike those of projects they go when there are too many. Inside a git worker.

#include "platform/files.hpp"

#include <chrono>
#include <cstdint>

namespace sluice::git {

struct BorrowedLimits {
    std::uint64_t bytes = 8ull << 30;        ///< of all mirrors in one folder
    std::chrono::seconds unused_for{3'600};  ///< one that was used since may be read in this moment
};

/// True for a mirror in such a folder.
bool is_borrowed(const files::Path& mirror);
/// The mirror is used now.
void touch_mirror(const files::Path& mirror);
/// Removes mirrors of the folder, the least recently used first, until all are below the limit.
/// Called after a fetch into one of them.
void trim_borrowed(const files::Path& folder, const BorrowedLimits& limits = {});

}  // namespace sluice::git
