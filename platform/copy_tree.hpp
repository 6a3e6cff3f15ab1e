#pragma once
/// Copies files by their bytes: neither hard links nor reflinks, so that whatever is done to the
/// copy leaves the original as it is. Blocking. Any thread.

#include "platform/files.hpp"

#include <atomic>

namespace sluice::files {

/// A regular file with its permissions, or a symbolic link as a link; the folder of `to` is made.
/// Refused with not_found when `from` is not there; devices, sockets and pipes are passed over.
Result<> copy_entry(const Path& from, const Path& to);

/// Everything below `from` into `to`, which may exist. Refused with id `interrupted` soon after
/// `stop` turns true; then some of it is there.
Result<> copy_tree(const Path& from, const Path& to, const std::atomic<bool>& stop);

}  // namespace sluice::files
