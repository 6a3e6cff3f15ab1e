#pragma once
/// JSON values as YAML for people. What a terminal could take for a command stands as an escape in
/// double quotes, so the text is safe to show and reads back to the same value. Pure.

#include "pipelines/base/json.hpp"

#include <string>

namespace sluice::cli {

/// Block style, two spaces; scripts of several lines below `|`; ends with a newline.
std::string to_yaml(const json::Value& value);

}  // namespace sluice::cli
