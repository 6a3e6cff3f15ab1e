#pragma once
/// Writes git's pack format without deltas: to search for them would cost more than all that
/// follows until the job's first command. Inside a git worker; one thread.

#include "server/git/libgit.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace sluice::git {

/// False ends the writing.
using PackSink = std::function<bool(std::string_view bytes)>;

/// Errors: `commit_gone` when an object is missing or damaged, `io` when the sink refuses.
Result<> write_objects(git_repository* repository, const std::vector<git_oid>& objects,
                       const PackSink& sink);

}  // namespace sluice::git
