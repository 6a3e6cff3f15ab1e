#pragma once
/// What a commit says of its submodules. Foreign bytes all of it.

#include "server/git/libgit.hpp"
#include "server/git/url.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::git {

struct SubmoduleEntry {
    std::string path;
    std::string url;  ///< as written
    std::string commit;
    bool operator==(const SubmoduleEntry&) const = default;
};

/// Reads `.gitmodules`: one section per submodule with `path` and `url`; no includes, no escapes.
/// `commit` is left empty. Refused with `bad_submodule` and its line. Pure.
Result<std::vector<SubmoduleEntry>> parse_gitmodules(std::string_view text);

/// The submodules that are in the commit's tree, in the order of the file. Inside a git worker.
/// Errors: `bad_submodule`, `commit_gone`.
Result<std::vector<SubmoduleEntry>> read_submodules(git_repository* repository, git_commit* commit);

/// The URL from which a submodule of the repository `parent` is fetched: `./` and `../` are read
/// against it. http(s) may lead anywhere that repositories of projects may; what would be reached
/// with the server's own rights (ssh, folders of this machine) must be below the folder that holds
/// `project`. Refused with `bad_submodule` or `url_denied`. Pure.
Result<std::string> submodule_url(const std::string& project, const std::string& parent,
                                  const SubmoduleEntry& entry);

}  // namespace sluice::git
