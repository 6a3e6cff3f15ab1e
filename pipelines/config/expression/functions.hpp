#pragma once
/// The functions of expressions: names, argument types and what they compute. One table. Pure, any
/// thread.

#include "pipelines/base/result.hpp"
#include "pipelines/config/expression/tree.hpp"
#include "pipelines/config/expression/value.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace sluice::config::expression {

/// What a parameter takes; `list` holds values that can stand in a text.
enum class Param { string, number, boolean, list, list_or_string, any };

/// What the world knows beyond the contexts.
struct World {
    /// Whether a changed path matches one of the globs; everything changed when not set.
    std::function<bool(std::span<const std::string>)> changed;
    /// The commit's files, in any order; asked only by `exists` and `hash_files`, which are refused
    /// with id `tree_unknown` when it is not set. The reference must live as long as the world.
    std::function<const std::vector<TreeFile>&()> tree;
};

/// No function gives a longer text.
inline constexpr std::size_t k_max_result = 64 * 1024;

struct Function {
    std::string_view name;
    std::string_view usage;     ///< `contains(list|string, x)`
    std::vector<Param> params;  ///< the last one repeats when `variadic`
    bool variadic = false;
    /// Its type, from the types of the arguments (which fit the params).
    Type (*type)(std::span<const Type> arguments) = nullptr;
    /// Its value; arguments fit the params and are not null. Refused with a message only.
    Result<Value> (*apply)(std::span<const Value> arguments, const World& world) = nullptr;
    std::string_view help;  ///< for the reference page
    /// False: reads the world, so nothing is known before there is an event.
    bool pure = true;
    bool takes_null = false;  ///< where the param is `any`
};

/// In the order of the reference page.
std::span<const Function> all_functions();
/// nullptr when there is none.
const Function* find_function(std::string_view name);
std::vector<std::string> function_names();

/// `[a-z0-9-]{1,63}`; when anything had to be changed, a hash of the whole text ends it.
std::string slug(std::string_view text);

}  // namespace sluice::config::expression
