#include "pipelines/plan/condition.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/check.hpp"
#include "pipelines/plan/names_read.hpp"

#include <fmt/format.h>

#include <set>

namespace sluice::plan {
namespace {

using config::Node;
using expr::Value;

constexpr std::size_t k_max_later_bytes = 32 * 1024;

/// The steps that have ended, as the context `steps`.
expr::Context steps_context(const std::map<std::string, StepFacts>& steps) {
    std::vector<expr::Field> fields;
    fields.reserve(steps.size());
    for (const auto& [id, facts] : steps) {
        std::vector<expr::Field> outputs;
        for (const auto& [name, value] : facts.outputs) outputs.push_back({name, Value::of(value)});
        fields.push_back(
            {id, Value::object({{"outcome", Value::of(std::string(to_text(facts.outcome)))},
                                {"result", Value::of(std::string(to_text(facts.result)))},
                                {"outputs", Value::object(std::move(outputs))}})});
    }
    expr::Context context;
    context.contexts.fields.push_back({"steps", Value::object(std::move(fields))});
    return context;
}

/// A `#` that ended the value early, seen by what follows it (reference A11).
void warn_about_comment(const Node& scalar, config::Diagnostics& diagnostics) {
    if (!scalar.plain) return;
    const std::string_view line = diagnostics.line_text(scalar.place.file, scalar.place.line);
    const std::size_t comment = line.find(" #");
    if (comment == std::string_view::npos) return;
    const std::string_view rest = line.substr(comment + 2);
    bool looks_like_code = false;
    for (const std::string_view sign : {"==", "!=", "&&", "||", "'", "\""})
        looks_like_code = looks_like_code || rest.find(sign) != std::string_view::npos;
    if (looks_like_code)
        diagnostics.warning(scalar.place, "comment_in_condition",
                            "this condition ends at ` #`, the rest of the line is a comment",
                            "quote the whole condition if the `#` belongs to it");
}

}  // namespace

std::optional<expr::Ast> read_condition(const Node& scalar, config::Diagnostics& diagnostics) {
    const std::string_view text = scalar.text;
    std::string_view source = text;
    std::size_t offset = 0;
    if (const std::size_t open = text.find("${{"); open != std::string_view::npos) {
        const std::string_view trimmed = text::trim(text);
        expr::Template parts;
        std::vector<expr::Problem> problems;
        const bool valid = expr::parse_template(trimmed, parts, problems);
        if (valid && !parts.is_whole()) {
            diagnostics.error(
                diagnostics.within(scalar, open), "bad_expression",
                "`if` mixes an expression with text",
                "`if` is always an expression: write it without `${{ }}`, or wholly inside one");
            return std::nullopt;
        }
        const std::size_t close = text.rfind("}}");
        offset = open + 3;
        source = close == std::string_view::npos || close < offset
                     ? text.substr(offset)
                     : text.substr(offset, close - offset);
    }
    expr::Ast ast;
    expr::Problem problem;
    if (expr::parse(source, ast, problem)) {
        warn_about_comment(scalar, diagnostics);
        return ast;
    }
    const std::string_view line = diagnostics.line_text(scalar.place.file, scalar.place.line);
    if (scalar.plain && line.find(" #") != std::string_view::npos)
        problem.hint = "the rest of the line after ` #` is a comment: quote the whole condition";
    diagnostics.error(diagnostics.within(scalar, offset + problem.offset), problem.id,
                      problem.message, problem.hint);
    return std::nullopt;
}

void rename_ids(expr::Ast& ast, std::string_view context,
                const std::function<std::string(const std::string&)>& full) {
    for (expr::Ast& child : ast.children) rename_ids(child, context, full);
    using Kind = expr::Ast::Kind;
    const bool is_access = ast.kind == Kind::member || ast.kind == Kind::index;
    if (!is_access || ast.children[0].kind != Kind::name || ast.children[0].name != context) return;
    if (ast.kind == Kind::member) {
        expr::Ast key;
        key.value = Value::of(full(std::exchange(ast.name, {})));
        ast.kind = Kind::index;
        ast.children.push_back(std::move(key));
    } else if (ast.children[1].value.kind == Value::Kind::string) {
        ast.children[1].value.string = full(ast.children[1].value.string);
    }
}

Result<Decision> decide(const expr::Ast& condition, const expr::Context& context,
                        const Contexts& later) {
    SLUICE_TRY(const expr::Ast rest, expr::fold(condition, context, later));
    if (rest.kind != expr::Ast::Kind::literal) {
        Decision out{true, expr::to_source(rest)};
        // Folding may have put a commit message in, and the text is stored and sent.
        if (out.later.size() <= k_max_later_bytes) return out;
        return error(Code::invalid, "bad_expression",
                     fmt::format("the condition grows over {} bytes", k_max_later_bytes), "0");
    }
    if (rest.value.kind != Value::Kind::boolean)
        return error(Code::invalid, "bad_expression",
                     fmt::format("`if: {}` is not a boolean",
                                 text::sanitize_utf8(expr::to_source(condition), 200)));
    return Decision{rest.value.boolean, ""};
}

Result<Decision> decide_text(std::string_view later_text, const expr::Context& context,
                             const Contexts& later) {
    expr::Ast ast;
    expr::Problem problem;
    if (!expr::parse(later_text, ast, problem, expr::k_generated))
        return error(
            Code::invalid, "bad_expression",
            fmt::format("`if: {}`: {}", text::sanitize_utf8(later_text, 200), problem.message));
    return decide(ast, context, later);
}

Result<bool> evaluate_step_condition(std::string_view condition,
                                     const std::map<std::string, StepFacts>& steps) {
    if (condition.empty()) return true;
    SLUICE_TRY(const Decision decision, decide_text(condition, steps_context(steps), {}));
    return decision.value;
}

Result<std::string> evaluate_step_text(std::string_view text,
                                       const std::map<std::string, StepFacts>& steps) {
    expr::Template parts;
    std::vector<expr::Problem> problems;
    if (!expr::parse_template(text, parts, problems, expr::k_generated))
        return error(Code::invalid, "bad_expression", problems.front().message);
    TextProblem problem;
    auto folded = fold_text(parts, steps_context(steps), {}, problem);
    if (!folded) return error(Code::invalid, problem.id, problem.message);
    return std::move(folded->text);
}

std::set<std::pair<std::string, std::string>> step_outputs_read(std::string_view source,
                                                                bool is_text) {
    std::set<std::pair<std::string, std::string>> out;
    for (const Names& names : names_read(source, is_text, "steps"))
        if (names.size() == 3 && names[1] == "outputs") out.emplace(names[0], names[2]);
    return out;
}

}  // namespace sluice::plan
