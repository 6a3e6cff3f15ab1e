#pragma once
/// Hashes for telling texts apart: stable across machines and versions, not for secrets. Any
/// thread.

#include <cstdint>
#include <string_view>

namespace sluice::reports {

/// FNV-1a with a final mix; `seed` chains fields, which then can't run into each other.
constexpr std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325ULL) {
    std::uint64_t hash = seed;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    hash ^= text.size();
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
    return hash ^ (hash >> 31);
}

}  // namespace sluice::reports
