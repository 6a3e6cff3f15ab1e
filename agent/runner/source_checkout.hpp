#pragma once
/// Makes a workspace of a pack: a depth-1 clone without a remote, HEAD detached, in which `git
/// status` and `git log -1` work. libgit2's network is never used. Foreign bytes: object names,
/// paths and links are checked by libgit2 (`.git` in any disguise is refused), nothing of the
/// machine's git configuration is read. One thread.

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

    /// The next bytes of the pack, in pieces of any size.
    Result<> feed(std::string_view bytes);
    /// Ends the pack and writes the files of `commit`.
    Result<> finish(const std::string& commit);

private:
    struct Impl;
    explicit SourceCheckout(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::agent
