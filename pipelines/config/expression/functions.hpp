#pragma once
/// The functions of expressions: names, argument types and what they compute. One table. Pure, any
/// thread.

#include "pipelines/base/result.hpp"
#include "pipelines/config/expression/value.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace sluice::config::expression {

/// What a parameter takes.
enum class Param { string, number, boolean, list, list_or_string, any };

/// What the world knows beyond the contexts.
struct World {
    /// Whether a changed path matches one of the globs; everything changed when not set.
    std::function<bool(std::span<const std::string>)> changed;
};

struct Function {
    std::string_view name;
    std::string_view usage;     ///< `contains(list|string, x)`
    std::vector<Param> params;  ///< the last one repeats when `variadic`
    bool variadic = false;
    /// Its type, from the types of the arguments (which fit the params).
    Type (*type)(std::span<const Type> arguments) = nullptr;
    /// Its value; arguments fit the params and are not null. Refused with a message only.
    Result<Value> (*apply)(std::span<const Value> arguments, const World& world) = nullptr;
    bool supported = true;
};

/// nullptr when there is none. Unsupported ones are known by name only.
const Function* find_function(std::string_view name);
std::vector<std::string> function_names();

/// `[a-z0-9-]{1,63}`; when anything had to be changed, a hash of the whole text ends it.
std::string slug(std::string_view text);

}  // namespace sluice::config::expression
