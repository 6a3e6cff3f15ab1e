#pragma once
/// Keys of one map that are ways to say one thing, and whether a map says all that it must. Pure.

#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"

#include <array>
#include <span>
#include <string_view>

namespace sluice::config {

struct Ways {
    Scopes scope;
    std::string_view what;  ///< why two are one too many, behind the path
    /// The first stands in examples of the map's other keys.
    std::array<std::string_view, 4> keys;
    bool needs_one;
    bool takes_several = false;
};
std::span<const Ways> all_ways();

/// False when a required key of the map is not there, or none of the ways of which it needs one.
bool is_whole(const Node& map, Scopes scope);

}  // namespace sluice::config
