#pragma once
/// What the git checkout around the current folder tells, by the `git` program. Everything is
/// optional: no git, no checkout and no remote all read as "nothing". Blocking, one thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli::git {

/// URLs of the remotes, `origin` first.
std::vector<std::string> remote_urls();
/// Full commit id of a revision (`HEAD`, a branch, a short id) in this checkout.
std::optional<std::string> commit_of(std::string_view revision);
/// Root folder of this checkout.
std::optional<std::string> top_level();

/// The same repository, whatever the spelling: `git@host:a/b.git`, `ssh://git@host/a/b`,
/// `https://host/a/b.git`,
/// `/srv/b.git`, `file:///srv/b.git`. Pure.
bool same_repository(std::string_view a, std::string_view b);

}  // namespace sluice::cli::git
