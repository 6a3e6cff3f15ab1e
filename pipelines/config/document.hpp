#pragma once
/// YAML text → node tree: YAML 1.2 core with the rules of this language. Bounded whatever the text
/// (study R3-R5): 256 KiB, depth 32, 10,000 nodes after alias expansion. Duplicate keys, several
/// documents, tags, self aliases, unterminated quotes (yaml-cpp accepts them) and bad encodings are
/// errors; `<<` is merged here, shallow.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/node.hpp"

#include <optional>
#include <string_view>

namespace sluice::config {

inline constexpr std::size_t k_max_file_bytes = 256 * 1024;
inline constexpr int k_max_depth = 32;
inline constexpr std::size_t k_max_nodes = 10'000;
inline constexpr std::size_t k_max_keys = 4'096;

/// The tree of the file that `diagnostics` knows under `file`; a null node when it holds nothing
/// but comments. Nothing when it cannot be read: then the reasons are in `diagnostics`. Reads no
/// further than the first fault of syntax; duplicate keys are all reported.
std::optional<Node> parse_document(int file, Diagnostics& diagnostics);

/// The text without a UTF-8 byte order mark, which is how Diagnostics wants it.
std::string_view without_bom(std::string_view text);

}  // namespace sluice::config
