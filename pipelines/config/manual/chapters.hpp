#pragma once
/// Parts of the reference page that are prose. Constant data.

#include <string_view>

namespace sluice::config::manual::chapters {

extern const std::string_view k_intro;
extern const std::string_view k_yaml;
extern const std::string_view k_values;
/// Ends where the table of functions begins.
extern const std::string_view k_expressions;

}  // namespace sluice::config::manual::chapters
