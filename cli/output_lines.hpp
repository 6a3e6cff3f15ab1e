#pragma once
/// Value outputs of a job for people: `build: tag = v1.2`. Pure.

#include "cli/term/terminal.hpp"
#include "pipelines/base/json.hpp"

#include <string>

namespace sluice::cli {

/// One line per output of the JSON object; none when it is empty or no object.
void print_outputs(const Terminal& out, const std::string& job, const json::Value& outputs);

}  // namespace sluice::cli
