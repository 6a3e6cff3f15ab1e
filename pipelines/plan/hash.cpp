#include "pipelines/plan/hash.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace sluice::plan {
namespace {

std::uint64_t fnv1a(std::string_view text, std::uint64_t basis) {
    std::uint64_t hash = basis;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    hash ^= text.size();
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
    return hash ^ (hash >> 31);
}

}  // namespace

std::string digest128(std::string_view text) {
    return fmt::format("{:016x}{:016x}", fnv1a(text, 0xcbf29ce484222325ULL),
                       fnv1a(text, 0x6c62272e07bb0142ULL));
}

}  // namespace sluice::plan
