#pragma once
/// Versions as in semver.org 2.0: `1.2.3-rc.1+build`. A leading `v` and missing last parts are
/// taken as people write them in tags and matrices: `v1.2`, `3.12`. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config::expression {

struct Semver {
    std::array<std::uint64_t, 3> numbers{};  ///< major, minor, patch
    std::vector<std::string> before;         ///< identifiers of a pre-release; empty = a release
};

/// Nothing when the text is no version: at most 128 bytes, numbers of at most 18 digits without a
/// leading zero.
std::optional<Semver> parse_semver(std::string_view text);
/// Below zero, zero, above zero by semver's precedence, which ignores build metadata.
int compare(const Semver& a, const Semver& b);
/// compare() of texts that parse_semver() took; what it didn't take comes first.
int compare_semver_texts(std::string_view a, std::string_view b);

}  // namespace sluice::config::expression
