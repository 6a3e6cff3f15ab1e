#pragma once
/// Value outputs of a job (reference A3 `outputs`): what its script wrote to $CI_OUTPUT, as text.
/// Pure, any thread.

#include "pipelines/base/json.hpp"
#include "pipelines/base/result.hpp"
#include "pipelines/config/expression/value.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <map>
#include <string>
#include <string_view>

namespace sluice::plan {

/// Name → value, in the form that canonical_output() gives. What was not written is not there.
using Outputs = std::map<std::string, std::string>;

/// A value must fit into a variable of a process's environment.
inline constexpr std::size_t k_max_output_bytes = 64 * 1024;
/// All outputs of a job together: they travel with its finish.
inline constexpr std::size_t k_max_outputs_bytes = 256 * 1024;
inline constexpr std::size_t k_max_output_items = 1'000;

/// A written text as the one form of its value: `1.50` → `1.5`, a list as JSON array of strings.
/// Refused with what is wrong with it, for a sentence that begins with the output's name: `is not a
/// number: "x"`. A list is a JSON array of strings, numbers and booleans, or else one item a line.
Result<std::string> canonical_output(model::OutputType type, std::string_view text);

/// The canonical text as expressions see it; null when it is no value of that type.
config::expression::Value output_value(model::OutputType type, const std::string& canonical);

/// The canonical text as JSON of that type, for people and programs.
json::Value output_json(model::OutputType type, const std::string& canonical);

/// `sha256:…` or `sha512:…` in lower-case hex, alone or behind a reference:
/// `registry/app@sha256:…`. Holds no character that a shell knows.
bool is_digest(std::string_view text);

}  // namespace sluice::plan
