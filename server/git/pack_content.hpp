#pragma once
/// Which objects a pack has. Inside a git worker; one thread; no network.

#include "server/git/pack.hpp"

namespace sluice::git {

struct PackContent {
    std::string base;              ///< as WrittenPack
    std::string refs;              ///< lines of `<id> <ref name>`, for `history`
    std::vector<git_oid> objects;  ///< each once; for a wish without `history`

    // For `history`: with add_objects() all that the tips come from and that is not in the base.
    std::vector<git_oid> tips{}, tags{};
    PackBuilder builder{};

    std::size_t count() const;
};

/// With history the objects are not looked for yet: what there is to be in the pack is known
/// without, and that may be a pack which was made before. Error: `commit_gone` when an object is
/// missing.
Result<PackContent> pack_content(git_repository* repository, const PackWish& wish);
/// The objects of a history; costs as much as it has. Nothing to do without one. Error:
/// `commit_gone`.
Result<> add_objects(git_repository* repository, PackContent& content);

}  // namespace sluice::git
