#include "pipelines/plan/names_read.hpp"

#include <algorithm>

namespace sluice::plan {
namespace {

using expr::Ast;

/// True when the node is a chain of names that begins with a context; `out` gets them from there.
bool chain(const Ast& ast, Names& out) {
    if (ast.kind == Ast::Kind::name) {
        out.push_back(ast.name);
        return true;
    }
    const bool is_member = ast.kind == Ast::Kind::member;
    const bool is_named = ast.kind == Ast::Kind::index &&
                          ast.children[1].kind == Ast::Kind::literal &&
                          ast.children[1].value.kind == expr::Value::Kind::string;
    if (!is_member && !is_named) return false;
    if (!chain(ast.children[0], out)) return false;
    out.push_back(is_member ? ast.name : ast.children[1].value.string);
    return true;
}

void collect(const Ast& ast, std::string_view context, std::set<Names>& out) {
    Names names;
    if (chain(ast, names)) {
        if (names.front() == context) out.emplace(names.begin() + 1, names.end());
        return;
    }
    for (const Ast& child : ast.children) collect(child, context, out);
}

}  // namespace

void replace_chains(Ast& ast, const std::function<const Ast*(const Names&)>& with) {
    Names names;
    if (chain(ast, names)) {
        if (const Ast* other = with(names)) {
            const auto [begin, end] = std::pair(ast.begin, ast.end);
            ast = *other;
            ast.begin = begin;
            ast.end = end;
            return;
        }
    }
    for (Ast& child : ast.children) replace_chains(child, with);
}

std::set<Names> names_read(const Ast& ast, std::string_view context) {
    std::set<Names> out;
    collect(ast, context, out);
    return out;
}

std::set<Names> names_read(const expr::Template& parts, std::string_view context) {
    std::set<Names> out;
    for (const auto& part : parts.parts)
        if (part.is_expression) collect(part.ast, context, out);
    return out;
}

std::set<Names> names_read(std::string_view source, bool is_text, std::string_view context) {
    if (!is_text) {
        Ast ast;
        expr::Problem problem;
        if (!expr::parse(source, ast, problem, expr::k_generated)) return {};
        return names_read(ast, context);
    }
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(source, parts, problems, expr::k_generated)) return {};
    return names_read(parts, context);
}

}  // namespace sluice::plan
