#pragma once
/// Ids of jobs that belong together: `caller/x` is part of `caller`, `gen/x` of `gen`. Pure.

#include <string_view>

namespace sluice::plan {

/// True for the job itself and for everything that it called or generated.
constexpr bool is_part_of(std::string_view base, std::string_view id) {
    return base.size() >= id.size() && base.substr(0, id.size()) == id &&
           (base.size() == id.size() || base[id.size()] == '/');
}
/// Part of it and not the job itself.
constexpr bool is_inside(std::string_view base, std::string_view id) {
    return base.size() > id.size() && is_part_of(base, id);
}

}  // namespace sluice::plan
