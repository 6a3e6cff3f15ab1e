#pragma once
/// Scalars of the language as JSON Schema and as JSON. Pure, any thread.

#include "pipelines/base/json.hpp"
#include "pipelines/config/schema.hpp"

#include <optional>

namespace sluice::config::manual {

/// A pattern for texts that hold an expression.
inline constexpr std::string_view k_expression = "\\$\\{\\{";

/// What an editor may accept for that type; with `expressions`, also a text that holds one.
json::Object scalar_schema(Scalar type, std::string_view choices, bool expressions);
/// The default of the row, where it is a value and not a sentence for people.
std::optional<json::Value> default_of(const Key& key);
/// The value of the row's example.
std::optional<json::Value> example_value(const Key& key);

}  // namespace sluice::config::manual
