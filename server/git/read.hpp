#pragma once
/// What planning reads of a commit. Inside a git worker; one thread; no network.

#include "server/git/libgit.hpp"
#include "server/git/wire.hpp"

#include <optional>
#include <string>

namespace sluice::git {

/// The commit that the id names, annotated tags peeled. Nothing when the repository does not have
/// it.
std::optional<Commit> find_commit(git_repository* repository, const std::string& sha);

/// The commit that the branch, tag or full ref points to; a full commit id stands for itself. No
/// revision syntax (G14). Errors: `bad_ref` (git would not allow the name), `ref_not_found`.
Result<Commit> find_ref(git_repository* repository, const std::string& ref);

/// `.ci.yml` and `.ci/*.yml`, the fragments that they name, message, author, and the paths that
/// changed since the request's base. Errors: `config_not_regular_file`, `config_too_large`,
/// `config_wrong_name`.
Result<Snapshot> read_snapshot(git_repository* repository, git_commit* commit,
                               const wire::Request& request);

/// A file of the commit as a fragment; nothing when there is none of that path. One that is no
/// regular file or too large has a `problem` and no text.
Result<std::optional<plan::SourceFile>> read_fragment(git_repository* repository,
                                                      git_commit* commit, const std::string& path);

/// Where the change to `commit` starts by the request; nothing when there is no such commit.
std::optional<Commit> find_base(git_repository* repository, git_commit* commit,
                                const wire::Request& request);

/// The lines that changed since the request's base: `base` and `changes` of the snapshot (see
/// GitService::changes).
Result<Snapshot> read_changes(git_repository* repository, git_commit* commit,
                              const wire::Request& request);

std::string to_hex(const git_oid* id);

}  // namespace sluice::git
