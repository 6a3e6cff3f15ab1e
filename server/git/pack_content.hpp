#pragma once
/// Which objects a pack has. Inside a git worker; one thread; no network.

#include "server/git/pack.hpp"

namespace sluice::git {

struct PackContent {
    std::string base;              ///< as WrittenPack
    std::string refs;              ///< lines of `<id> <ref name>`, for `history`
    std::vector<git_oid> objects;  ///< each once; for a wish without `history`
    PackBuilder builder;           ///< filled, for `history`

    std::size_t count() const;
};

/// Error: `commit_gone` when an object is missing.
Result<PackContent> pack_content(git_repository* repository, const PackWish& wish);

}  // namespace sluice::git
