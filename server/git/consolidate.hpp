#pragma once
/// Keeps a mirror's number of packs small. Inside a git worker; one thread.

#include "platform/files.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice::git {

struct ConsolidateLimits {
    std::size_t most_packs = 50;  ///< nothing to do up to here
    std::uint64_t largest_bytes =
        64 << 20;  ///< larger packs are left alone: rewriting them would cost more than it saves
};

/// Each fetch leaves a pack, and every lookup asks every pack. Writes the objects of all small
/// packs into a new one, then removes them: a crash in between leaves objects twice, never not at
/// all. True when packs were removed: repositories that are open must be opened again. The caller
/// holds the mirror's lock.
bool consolidate(const files::Path& mirror, const ConsolidateLimits& limits = {});

}  // namespace sluice::git
