#pragma once
/// Static types of an expression: every mistake that can be known without an event. Pure, any
/// thread.

#include "pipelines/config/expression/syntax.hpp"

#include <map>
#include <string>
#include <vector>

namespace sluice::config::expression {

/// The contexts that may be named, with their types. A refused type says why it may not be read
/// here.
using Scope = std::map<std::string, Type, std::less<>>;

/// The type of `ast`, or a type of kind null with `problems` (warnings alone leave a type).
Type check(const Ast& ast, const Scope& scope, std::vector<Problem>& problems);

/// check(), and it must be a boolean that is never null: for `if`.
void check_condition(const Ast& ast, const Scope& scope, std::vector<Problem>& problems);

}  // namespace sluice::config::expression
