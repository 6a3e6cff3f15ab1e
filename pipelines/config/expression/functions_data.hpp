#pragma once
/// Functions that read JSON, versions and the commit's files; rows of the table in functions.cpp.
/// Arguments fit the params of their rows. Pure, any thread.

#include "pipelines/config/expression/functions.hpp"

namespace sluice::config::expression::data {

Result<Value> semver(std::span<const Value> arguments, const World& world);
Result<Value> from_json(std::span<const Value> arguments, const World& world);
Result<Value> to_json(std::span<const Value> arguments, const World& world);
Result<Value> exists(std::span<const Value> arguments, const World& world);
/// 32 hex digits over names and contents; an error when nothing matches.
Result<Value> hash_files(std::span<const Value> arguments, const World& world);

}  // namespace sluice::config::expression::data
