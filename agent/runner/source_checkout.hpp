#pragma once
/// Makes a workspace of packs: a clone without a remote, HEAD detached, in which `git status` and
/// `git log` work; of depth 1 unless it has its history. libgit2's network is never used. Foreign
/// bytes: object names, paths and links are checked by libgit2 (`.git` in any disguise is refused),
/// nothing of the machine's git configuration is read. One thread.

#include "platform/files.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sluice::agent {

/// Once per process, and in the zygote before it forks.
void init_git();

/// The files of the commit in byte order, by the index of the repository in `workspace`. Refused
/// when it has none.
Result<std::vector<std::string>> tracked_files(const files::Path& workspace);

class SourceCheckout {
public:
    /// Starts a repository in `workspace`, which exists.
    static Result<SourceCheckout> begin(const files::Path& workspace);
    SourceCheckout(SourceCheckout&&) noexcept;
    SourceCheckout& operator=(SourceCheckout&&) noexcept;
    ~SourceCheckout();

    /// The folder of the workspace's packs. Whole ones that are put there are used, too.
    files::Path packs() const;
    /// The next bytes of the server's answer, in pieces of any size: lines of refs, then a pack;
    /// each may be absent.
    Result<> feed(std::string_view bytes);
    /// Ends the pack and writes the files of `commit`. With `history` all its ancestors are there.
    Result<> finish(const std::string& commit, bool history = false);

private:
    struct Impl;
    explicit SourceCheckout(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::agent
