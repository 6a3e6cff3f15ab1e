// Bytes as an expression → parsing, checking, evaluating and folding never throw or overflow; what
// is printed parses to the same; what passes the check evaluates to its type or to a refusal;
// folding does not change the value.
#include "pipelines/config/expression/check.hpp"
#include "pipelines/config/expression/evaluate.hpp"
#include "pipelines/plan/contexts.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace sluice;
using namespace sluice::config::expression;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

plan::Input input() {
    plan::Input out;
    out.event.kind = model::EventKind::pull_request;
    out.event.sha = std::string(40, 'a');
    out.event.message = "fix $(id)";
    out.event.pull_request = model::PullRequest{.number = 3,
                                                .title = "Fix it",
                                                .source_branch = "x/y",
                                                .target_branch = "main",
                                                .labels = {"bug"}};
    return out;
}

bool has_type(const Value& value, const Type& type) {
    if (value.is_null()) return type.nullable || type.kind == Type::Kind::null;
    switch (type.kind) {
        case Type::Kind::null: return false;
        case Type::Kind::boolean: return value.kind == Value::Kind::boolean;
        case Type::Kind::number: return value.kind == Value::Kind::number;
        case Type::Kind::string: return value.kind == Value::Kind::string;
        case Type::Kind::semver: return value.kind == Value::Kind::semver;
        case Type::Kind::any: return true;
        case Type::Kind::list: return value.kind == Value::Kind::list;
        case Type::Kind::object: return value.kind == Value::Kind::object;
    }
    return false;
}

bool is_error(const std::vector<Problem>& problems) {
    for (const Problem& p : problems)
        if (p.severity == config::Severity::error) return true;
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const plan::Input event = input();
    const std::string_view source(reinterpret_cast<const char*>(data), size);
    Template parts;
    std::vector<Problem> problems;
    parse_template(source, parts, problems);
    for (const Problem& p : problems) require(p.offset <= size);

    Ast ast;
    Problem problem;
    if (!parse(source, ast, problem)) {
        require(!problem.message.empty() && problem.offset <= size);
        return 0;
    }
    const std::string printed = to_source(ast);
    Ast again;
    require(parse(printed, again, problem, k_generated));
    require(to_source(again) == printed);

    Scope scope = plan::common_scope();
    scope["needs"] =
        plan::needs_type({{.id = "a", .is_named = true}, {.id = "b", .is_named = true}});
    scope["matrix"] = Type::object({{"py", Type::string()}, {"edge", Type::string().or_null()}});
    problems.clear();
    const Type type = check(ast, scope, {}, problems);

    Context context;
    context.contexts = Value::object(plan::common_values(event));
    context.contexts.fields.push_back(
        {"job", Value::object({{"id", Value::of("a")}, {"name", Value::of("A")}})});
    context.contexts.fields.push_back({"matrix", Value::object({{"py", Value::of("3.10")}})});
    context.contexts.fields.push_back(
        {"needs", Value::object({{"a", Value::object({{"result", Value::of("failed")}})},
                                 {"b", Value::object({{"result", Value::of("passed")}})}})});
    static const std::vector<TreeFile> files{{"src/a.cpp", "1"}, {"b", "2"}};
    context.world.tree = []() -> const std::vector<TreeFile>& { return files; };
    context.world.changed = [](std::span<const std::string> globs) {
        return globs.size() % 2 == 1;
    };
    const auto value = evaluate(ast, context);
    if (is_error(problems)) return 0;
    if (value) require(has_type(*value, type));

    const auto folded = fold(ast, context, {"needs"});
    if (!folded || !value) return 0;
    Ast rest;
    require(parse(to_source(*folded), rest, problem, k_generated));
    const auto later = evaluate(rest, context);
    require(later.has_value() && *later == *value);
    return 0;
}
