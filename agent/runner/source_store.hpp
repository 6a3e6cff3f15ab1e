#pragma once
/// What jobs of this agent have fetched of a project, so that the next one fetches the difference
/// or nothing. Nobody writes into a pack that has its name here: a checkout gets copies, because
/// steps may do with their workspace what they like.
///
///   <root>/lock                             shared while packs are copied, alone to remove some
///   <root>/<key>/packs/pack-*.{pack,idx}
///   <root>/<key>/commits/<commit>           lines: the packs that hold the commit's files
///   <root>/<key>/history/<commit>           lines: the packs that hold it with all ancestors
///
/// What a killed process leaves has no name by which it would be found. Blocking. Any process of
/// the agent; one thread each.

#include "pipelines/base/ids.hpp"
#include "platform/files.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::agent {

class SourceStore {
public:
    struct Project {
        std::string server;  ///< its URL: an agent's folder may come to another server
        ProjectId id;
        std::string repository;  ///< its URL
    };

    SourceStore(files::Path root, const Project& project, bool history);

    /// The commits that are here, the latest used first; no more than are worth a choice.
    std::vector<std::string> commits() const;
    /// Copies what holds `commit` into the folder `packs`. False when it is not here; then some of
    /// it may be in `packs` all the same.
    Result<bool> lend(const std::string& commit, const files::Path& packs) const;
    /// Keeps copies of the packs in the folder `packs`, which together hold `commit`.
    Result<> keep(const std::string& commit, const files::Path& packs) const;
    /// Forgets all of the project.
    Result<> discard() const;

private:
    files::Path folder() const { return root_ / key_; }
    files::Path mark(const std::string& commit) const { return folder() / kind_ / commit; }

    files::Path root_;
    std::string key_;
    std::string kind_;
};

/// Commits that were not used for longest go until all projects together have at most `max_bytes`,
/// and what killed processes have left. Does nothing while packs are being copied.
void trim_source_store(const files::Path& root, std::uint64_t max_bytes);

}  // namespace sluice::agent
