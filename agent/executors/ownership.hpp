#pragma once
/// Whose a workspace is. Blocking; any thread.

#include "platform/files.hpp"

#include <sys/types.h>

#include <string>

namespace sluice::agent {

/// Gives a file, or a folder and all in it, to a user and group; links are not followed, and what
/// has several names is left out. Refused when we may not, which needs root.
Result<> give_to(const files::Path& path, uid_t user, gid_t group);
/// All in a folder that is open; it stays whose it is. `shown` names it in refusals.
Result<> give_entries_to(int folder, uid_t user, gid_t group, const std::string& shown);
/// The refusal that errno tells of.
Error not_given(const std::string& shown);

}  // namespace sluice::agent
