#pragma once
/// Text → syntax tree of an expression (grammar: reference A5), and the split of `… ${{ }} …`.
/// Pure, any thread.

#include "pipelines/config/diagnostic.hpp"
#include "pipelines/config/expression/value.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config::expression {

struct Limits {
    std::size_t characters = 4'096;
    int nesting = 32;
};
/// For what to_source() printed: its parentheses nest deeper, and constants may have been folded
/// in.
inline constexpr Limits k_generated{1 << 20, 512};

/// A diagnostic whose place is a byte offset in the expression (or in the scalar that holds it).
struct Problem {
    Severity severity = Severity::error;
    std::string id = "bad_expression";
    std::string message;
    std::string hint;
    std::size_t offset = 0;
};

struct Ast {
    enum class Kind {
        literal,     ///< value; name is a number's source: 3.10 stays `3.10` in messages
        name,        ///< name: a context
        member,      ///< children[0] . name
        index,       ///< children[0] [ children[1] ]
        call,        ///< name ( children )
        list,        ///< [ children ]
        negation,    ///< ! children[0]
        all_of,      ///< children joined by &&
        any_of,      ///< children joined by ||
        coalesce,    ///< children joined by ??
        comparison,  ///< children[0] name children[1]; name is == != < <= > >= in
    };
    Kind kind = Kind::literal;
    Value value;
    std::string name;
    std::vector<Ast> children;
    std::size_t begin = 0, end = 0;  ///< bytes of the source
};

/// Parses one expression. Returns false and one problem when it is none.
bool parse(std::string_view source, Ast& ast, Problem& problem, Limits limits = {});
/// The tree as source text again; parses to an equal tree.
std::string to_source(const Ast& ast);
/// `needs.build` for a chain of members, "" for anything else.
std::string dotted(const Ast& ast);

/// A scalar of the file: literal parts and expressions in turn.
struct Template {
    struct Part {
        bool is_expression = false;
        std::string text;        ///< literal text
        Ast ast;                 ///< expression
        std::size_t offset = 0;  ///< of the expression's source in the scalar
    };
    std::vector<Part> parts;
    /// One `${{ }}` and nothing around it: the value keeps its type.
    bool is_whole() const { return parts.size() == 1 && parts[0].is_expression; }
    bool is_literal() const {
        return parts.empty() || (parts.size() == 1 && !parts[0].is_expression);
    }
};

inline bool has_expression(std::string_view text) {
    return text.find("${{") != std::string_view::npos;
}
/// Returns false and the problems when an expression in `text` is not closed or not valid.
bool parse_template(std::string_view text, Template& out, std::vector<Problem>& problems,
                    Limits limits = {});

}  // namespace sluice::config::expression
