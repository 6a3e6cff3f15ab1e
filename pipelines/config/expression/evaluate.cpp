#include "pipelines/config/expression/evaluate.hpp"

#include "pipelines/config/expression/semver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::config::expression {
namespace {

/// For messages about values whose type was not known before.
std::string_view described(const Value& value) {
    switch (value.kind) {
        case Value::Kind::null: return "null";
        case Value::Kind::boolean: return "a boolean";
        case Value::Kind::number: return "a number";
        case Value::Kind::string: return "a text";
        case Value::Kind::semver: return "a version";
        case Value::Kind::list: return "a list";
        case Value::Kind::object: return "an object";
    }
    return "?";
}

class Evaluator {
public:
    explicit Evaluator(const Context& context) : context_(context) {}

    Result<Value> value(const Ast& ast) {
        if (++steps_ > k_max_steps)
            return refuse(ast, "bad_expression",
                          fmt::format("evaluation takes more than {} steps", k_max_steps));
        switch (ast.kind) {
            case Ast::Kind::literal: return ast.value;
            case Ast::Kind::name:
            case Ast::Kind::member: return member(ast);
            case Ast::Kind::index: return index(ast);
            case Ast::Kind::call: return call(ast);
            case Ast::Kind::list: {
                std::vector<Value> items;
                for (const Ast& child : ast.children) {
                    SLUICE_TRY(Value item, value(child));
                    items.push_back(std::move(item));
                }
                return Value::list(std::move(items));
            }
            case Ast::Kind::negation: {
                SLUICE_TRY(const bool operand, boolean(ast.children[0]));
                return Value::of(!operand);
            }
            case Ast::Kind::all_of: return logic(ast, true);
            case Ast::Kind::any_of: return logic(ast, false);
            case Ast::Kind::coalesce:
                for (const Ast& child : ast.children) {
                    SLUICE_TRY(Value candidate, value(child));
                    if (!candidate.is_null()) return candidate;
                }
                return Value{};
            case Ast::Kind::comparison: return comparison(ast);
        }
        return Value{};
    }

private:
    static Error refuse(const Ast& ast, std::string id, std::string message) {
        return error(Code::invalid, std::move(id), std::move(message), std::to_string(ast.begin));
    }
    static Error null_value(const Ast& ast) {
        return refuse(ast, "null_value",
                      fmt::format("`{}` is null for this event", to_source(ast)));
    }

    static bool fits(Param param, const Value& value) {
        switch (param) {
            case Param::any: return true;
            case Param::string: return value.kind == Value::Kind::string;
            case Param::number: return value.kind == Value::Kind::number;
            case Param::boolean: return value.kind == Value::Kind::boolean;
            case Param::list: return value.kind == Value::Kind::list;
            case Param::list_or_string:
                return value.kind == Value::Kind::list || value.kind == Value::Kind::string;
        }
        return false;
    }

    /// A value of the contexts without copying what it is taken from, which may be all results of a
    /// large run; nullptr reads as null.
    const Value* of_context(const Ast& ast) const {
        if (ast.kind == Ast::Kind::name) return context_.contexts.find(ast.name);
        const Value* parent = of_context(ast.children[0]);
        return parent == nullptr ? nullptr : parent->find(ast.name);
    }

    Result<Value> member(const Ast& ast) {
        if (!dotted(ast).empty()) {
            const Value* found = of_context(ast);
            return found == nullptr ? Value{} : *found;
        }
        SLUICE_TRY(const Value parent, value(ast.children[0]));
        const Value* found = parent.find(ast.name);
        return found == nullptr ? Value{} : *found;
    }

    Result<bool> boolean(const Ast& ast) {
        SLUICE_TRY(const Value operand, value(ast));
        if (operand.is_null()) return null_value(ast);
        if (operand.kind != Value::Kind::boolean)
            return refuse(
                ast, "bad_expression",
                fmt::format("`{}` is not a boolean, it is {}", to_source(ast), described(operand)));
        return operand.boolean;
    }

    Result<Value> logic(const Ast& ast, bool neutral) {
        for (const Ast& child : ast.children) {
            SLUICE_TRY(const bool operand, boolean(child));
            if (operand != neutral) return Value::of(!neutral);
        }
        return Value::of(neutral);
    }

    Result<Value> index(const Ast& ast) {
        SLUICE_TRY(const Value list, value(ast.children[0]));
        SLUICE_TRY(const Value at, value(ast.children[1]));
        if (list.is_null()) return Value{};
        if (at.is_null()) return null_value(ast.children[1]);
        if (list.kind == Value::Kind::object && at.kind == Value::Kind::string) {
            const Value* found = list.find(at.string);
            return found == nullptr ? Value{} : *found;
        }
        if (at.kind != Value::Kind::number || at.number < 0 ||
            at.number >= static_cast<double>(list.items.size()) ||
            at.number != std::floor(at.number))
            return Value{};
        return list.items[static_cast<std::size_t>(at.number)];
    }

    Result<Value> call(const Ast& ast) {
        const Function* function = find_function(ast.name);
        if (function == nullptr || function->apply == nullptr)
            return refuse(ast, "bad_expression",
                          fmt::format("there is no function `{}`", ast.name));
        // check() has seen all this, but a late condition may come from a damaged or foreign plan.
        const std::size_t params = function->params.size();
        if (ast.children.size() < params || (ast.children.size() > params && !function->variadic))
            return refuse(ast, "bad_expression", fmt::format("write {}", function->usage));
        std::vector<Value> arguments;
        for (const Ast& child : ast.children) {
            SLUICE_TRY(Value argument, value(child));
            const Param param = function->params[std::min(arguments.size(), params - 1)];
            const bool may_be_null = function->takes_null && param == Param::any;
            if (argument.is_null() && !may_be_null) return null_value(child);
            if (!fits(param, argument))
                return refuse(child, "bad_expression",
                              fmt::format("`{}` is {}: write {}", to_source(child),
                                          described(argument), function->usage));
            arguments.push_back(std::move(argument));
        }
        auto result = function->apply(arguments, context_.world);
        if (!result) return refuse(ast, result.error().id, result.error().message);
        return result;
    }

    Result<Value> comparison(const Ast& ast) {
        SLUICE_TRY(const Value left, value(ast.children[0]));
        SLUICE_TRY(const Value right, value(ast.children[1]));
        if (ast.name == "==") return Value::of(left == right);
        if (ast.name == "!=") return Value::of(!(left == right));
        if (right.is_null()) return null_value(ast.children[1]);
        if (ast.name == "in") {
            if (right.kind != Value::Kind::list)
                return refuse(ast.children[1], "bad_expression",
                              fmt::format("right of `in` stands a list, `{}` is {}",
                                          to_source(ast.children[1]), described(right)));
            return Value::of(std::find(right.items.begin(), right.items.end(), left) !=
                             right.items.end());
        }
        if (left.is_null()) return null_value(ast.children[0]);
        const bool versions = left.kind == Value::Kind::semver;
        if (left.kind != right.kind || (left.kind != Value::Kind::number && !versions))
            return refuse(ast, "bad_expression",
                          fmt::format("`{}` compares two numbers or two versions, not {} with {}",
                                      ast.name, described(left), described(right)));
        const int order = versions ? compare_semver_texts(left.string, right.string)
                          : left.number < right.number ? -1
                          : left.number > right.number ? 1
                                                       : 0;
        if (ast.name == "<") return Value::of(order < 0);
        if (ast.name == "<=") return Value::of(order <= 0);
        if (ast.name == ">") return Value::of(order > 0);
        return Value::of(order >= 0);
    }

    const Context& context_;
    int steps_ = 0;
};

Ast literal(Value value, const Ast& source) {
    Ast out;
    out.value = std::move(value);
    out.begin = source.begin;
    out.end = source.end;
    return out;
}

bool is_boolean(const Ast& ast, bool value) {
    return ast.kind == Ast::Kind::literal && ast.value.kind == Value::Kind::boolean &&
           ast.value.boolean == value;
}

}  // namespace

Result<Value> evaluate(const Ast& ast, const Context& context) {
    return Evaluator(context).value(ast);
}

bool reads(const Ast& ast, const std::set<std::string, std::less<>>& contexts) {
    if (ast.kind == Ast::Kind::name) return contexts.contains(ast.name);
    return std::any_of(ast.children.begin(), ast.children.end(),
                       [&](const Ast& child) { return reads(child, contexts); });
}

Result<Ast> fold(const Ast& ast, const Context& context,
                 const std::set<std::string, std::less<>>& later) {
    if (!reads(ast, later)) {
        SLUICE_TRY(Value value, evaluate(ast, context));
        return literal(std::move(value), ast);
    }
    if (ast.kind == Ast::Kind::name || ast.kind == Ast::Kind::member) return ast;
    Ast out = ast;
    out.children.clear();
    const bool is_and = ast.kind == Ast::Kind::all_of, is_or = ast.kind == Ast::Kind::any_of;
    for (const Ast& child : ast.children) {
        SLUICE_TRY(Ast folded, fold(child, context, later));
        if ((is_and && is_boolean(folded, false)) || (is_or && is_boolean(folded, true)))
            return literal(folded.value, ast);
        if ((is_and && is_boolean(folded, true)) || (is_or && is_boolean(folded, false))) continue;
        out.children.push_back(std::move(folded));
    }
    if ((is_and || is_or) && out.children.empty()) return literal(Value::of(is_and), ast);
    if ((is_and || is_or) && out.children.size() == 1) return std::move(out.children[0]);
    const bool decided =
        std::all_of(out.children.begin(), out.children.end(),
                    [](const Ast& child) { return child.kind == Ast::Kind::literal; });
    if (!decided) return out;
    SLUICE_TRY(Value value, evaluate(out, context));
    return literal(std::move(value), ast);
}

}  // namespace sluice::config::expression
