#pragma once
/// Values of expressions that check() has accepted; full or as far as the contexts are known. Pure,
/// any thread.

#include "pipelines/config/expression/functions.hpp"
#include "pipelines/config/expression/syntax.hpp"

#include <set>
#include <string>

namespace sluice::config::expression {

inline constexpr int k_max_steps = 10'000;

/// The values of the contexts: an object of objects. What is missing reads as null.
struct Context {
    Value contexts = Value::object({});
    World world;
};

/// Refused with id `bad_expression` (or `null_value`: a null where a value is needed); `where` is
/// the byte offset.
Result<Value> evaluate(const Ast& ast, const Context& context);

/// True when the expression names one of the contexts.
bool reads(const Ast& ast, const std::set<std::string, std::less<>>& contexts);

/// The expression with everything folded but what reads a context of `later` (`needs`, `steps`). A
/// tree that is a literal afterwards is decided.
Result<Ast> fold(const Ast& ast, const Context& context,
                 const std::set<std::string, std::less<>>& later);

}  // namespace sluice::config::expression
