#pragma once
/// What people know from other systems, and how it is said here (reference A11). Pure.

#include <string>
#include <string_view>

namespace sluice::config::expression {

/// The hint for a context or function of another system (`github.ref`, `startsWith`, `always`), or
/// "".
std::string hint_for_foreign_context(std::string_view dotted);
std::string hint_for_foreign_function(std::string_view name);

}  // namespace sluice::config::expression
