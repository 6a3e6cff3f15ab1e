#pragma once
/// A text with `${{ }}` → its value as far as it is known. Pure, any thread.

#include "pipelines/config/expression/evaluate.hpp"
#include "pipelines/config/expression/syntax.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace sluice::plan {

namespace expr = config::expression;

using Contexts = std::set<std::string, std::less<>>;

struct Folded {
    /// The value; when it is not known, text with `${{ }}` that read only what comes later.
    std::string text;
    bool known = true;
};

struct TextProblem {
    std::size_t offset = 0;  ///< in the scalar
    std::string id, message, hint;
};

/// Everything but what reads a context of `later` is evaluated. Nothing and the problem when that
/// does not work out: a null, or a text over 256 KiB.
std::optional<Folded> fold_text(const expr::Template& parts, const expr::Context& context,
                                const Contexts& later, TextProblem& problem);

/// Known text for a place in text that will be read again: a commit message must not become an
/// expression there.
std::string escaped(std::string_view text);

/// True when an expression of the text names one of the contexts.
bool reads(const expr::Template& parts, const Contexts& contexts);

}  // namespace sluice::plan
