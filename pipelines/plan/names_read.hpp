#pragma once
/// What expressions read of a context, as the chains of names in them. Pure, any thread.

#include "pipelines/config/expression/syntax.hpp"

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

namespace expr = config::expression;

/// `{"build", "outputs", "tag"}` for `needs.build.outputs.tag` and `needs['build'].outputs['tag']`;
/// what is taken out of a list is not part of the chain.
using Names = std::vector<std::string>;

/// The longest chains below `context`.
std::set<Names> names_read(const expr::Ast& ast, std::string_view context);
std::set<Names> names_read(const expr::Template& parts, std::string_view context);
/// The same of an expression (with `is_text`: a text with `${{ }}`) that this version has printed;
/// empty when it cannot be read.
std::set<Names> names_read(std::string_view source, bool is_text, std::string_view context);

/// Puts what `with` gives for a chain (the context first) in its place; nullptr leaves it.
void replace_chains(expr::Ast& ast, const std::function<const expr::Ast*(const Names&)>& with);

}  // namespace sluice::plan
