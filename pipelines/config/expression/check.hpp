#pragma once
/// Static types of an expression: every mistake that can be known without an event. Pure, any
/// thread.

#include "pipelines/config/expression/syntax.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice::config::expression {

/// The contexts that may be named, with their types. A refused type says why it may not be read
/// here.
using Scope = std::map<std::string, Type, std::less<>>;

/// Dotted names that are known not to be null here, because an enclosing condition said so.
using Narrowed = std::set<std::string>;
/// What a condition that holds says about nulls: `pr != null`, `event == 'push'`, joined by &&.
Narrowed narrowed_by(const Ast& condition);
/// What an event says about nulls: `branch` is set for a push …
void narrow_event(std::string_view event, Narrowed& narrowed);

/// The type of `ast`, or a type of kind null with `problems` (warnings alone leave a type).
Type check(const Ast& ast, const Scope& scope, const Narrowed& narrowed,
           std::vector<Problem>& problems);

/// check(), and it must be a boolean that is never null: for `if`.
void check_condition(const Ast& ast, const Scope& scope, const Narrowed& narrowed,
                     std::vector<Problem>& problems);

}  // namespace sluice::config::expression
