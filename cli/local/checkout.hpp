#pragma once
/// The checkout that `sluice run` works on, by the `git` program: where it is, what its tip is, and
/// which files the dirty tree has. Blocking, one thread.

#include "pipelines/config/expression/tree.hpp"
#include "platform/files.hpp"

#include <string>
#include <vector>

namespace sluice::cli::local {

struct Checkout {
    files::Path root;     ///< top of the working tree
    files::Path objects;  ///< git's object store
    std::string name;     ///< of the repository, from its remote or its folder
    std::string url;      ///< of the remote `origin` without credentials; "" = none
    std::string sha;      ///< of HEAD; "" when nothing is committed yet
    std::string branch;   ///< "" when HEAD is detached
    std::string default_branch;
    std::string message, author;  ///< of HEAD
};

/// The checkout around the current folder. Refused as a mistake of the caller when there is none,
/// or no `git`.
Result<Checkout> read_checkout();

/// Tracked and untracked-unignored files that are there now, relative to the root, in byte order.
/// Submodules and nested repositories are left out.
Result<std::vector<std::string>> tree_files(const Checkout& checkout);

/// Those files with digests as the server's expressions see them (git's blob ids; of a link the
/// text it holds).
Result<std::vector<config::expression::TreeFile>> tree_contents(const Checkout& checkout);

/// Paths that differ between the dirty tree and the merge base of `revision` and HEAD, renames with
/// both names, untracked files too.
Result<std::vector<std::string>> changed_paths(const Checkout& checkout,
                                               const std::string& revision);

/// HEAD and what belongs to it, replaced by another commit. Refused when git knows none.
Result<Checkout> at_commit(Checkout checkout, const std::string& revision);
/// The blobs of the checkout's commit below a folder ("" = all), with their ids.
Result<std::vector<config::expression::TreeFile>> commit_contents(const Checkout& checkout,
                                                                  const std::string& folder = {});
/// The text of a blob.
Result<std::string> blob_text(const Checkout& checkout, const std::string& id);
/// Paths that differ between the checkout's commit and its merge base with `revision`.
Result<std::vector<std::string>> commit_changed_paths(const Checkout& checkout,
                                                      const std::string& revision);

/// Copies the files into `folder`, which gets a `.git` of its own: HEAD at the same commit, depth
/// 1 (with what LocalSource needs for more), so that `git status` shows the same changes; objects
/// are read from the checkout's store, which nothing writes to. Files that vanish meanwhile are
/// left out.
Result<> make_snapshot(const Checkout& checkout, const std::vector<std::string>& paths,
                       const files::Path& folder);

/// A clone URL without user and password. Pure.
std::string without_credentials(const std::string& url);

}  // namespace sluice::cli::local
