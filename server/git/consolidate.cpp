#include "server/git/consolidate.hpp"

#include "server/git/libgit.hpp"

#include <git2/sys/odb_backend.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sluice::git {
namespace {

namespace fs = std::filesystem;

/// The .idx files of the packs that are worth merging.
std::vector<fs::path> small_packs(const fs::path& folder, const ConsolidateLimits& limits) {
    std::vector<fs::path> found;
    std::error_code failed;
    for (auto it = fs::directory_iterator(folder, failed);
         !failed && it != fs::directory_iterator(); it.increment(failed)) {
        if (it->path().extension() != ".idx") continue;
        std::error_code missing;
        const auto bytes = fs::file_size(fs::path(it->path()).replace_extension(".pack"), missing);
        if (!missing && bytes <= limits.largest_bytes) found.push_back(it->path());
    }
    return found;
}

int insert(const git_oid* id, void* builder) {
    return git_packbuilder_insert(static_cast<git_packbuilder*>(builder), id, nullptr);
}

bool insert_objects_of(const fs::path& index, git_packbuilder* builder) {
    git_odb* made = nullptr;
    if (git_odb_new(&made) != 0) return false;
    Odb odb(made);
    git_odb_backend* backend = nullptr;
    if (git_odb_backend_one_pack(&backend, index.c_str()) != 0) return false;
    if (git_odb_add_backend(made, backend, 1) != 0) return false;
    return git_odb_foreach(made, insert, builder) == 0;
}

}  // namespace

bool consolidate(const files::Path& mirror, const ConsolidateLimits& limits) {
    const fs::path folder = mirror / "objects" / "pack";
    const std::vector<fs::path> packs = small_packs(folder, limits);
    if (packs.size() <= limits.most_packs) return false;
    git_repository* opened = nullptr;
    if (git_repository_open_bare(&opened, mirror.c_str()) != 0) return false;
    Repository repository(opened);
    git_packbuilder* made = nullptr;
    if (git_packbuilder_new(&made, opened) != 0) return false;
    PackBuilder builder(made);
    git_packbuilder_set_threads(made, 1);
    for (const fs::path& index : packs)
        if (!insert_objects_of(index, made)) return false;
    if (git_packbuilder_write(made, folder.c_str(), 0444, nullptr, nullptr) != 0) return false;
    // The same objects give the same name: then the "new" pack is one of the old ones.
    const std::string written = std::string("pack-") + git_packbuilder_name(made) + ".idx";
    std::error_code ignored;
    for (const fs::path& index : packs) {
        if (index.filename() == written) continue;
        // Without its index a pack is not used, so nobody finds an index without a pack.
        fs::remove(index, ignored);
        fs::remove(fs::path(index).replace_extension(".pack"), ignored);
    }
    return true;
}

}  // namespace sluice::git
