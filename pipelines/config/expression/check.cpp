#include "pipelines/config/expression/check.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/foreign_names.hpp"
#include "pipelines/config/expression/functions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::config::expression {
namespace {

using Kind = Type::Kind;

/// Leaves the recursion after a problem was added: what follows from one mistake is not reported
/// again.
struct Given {};

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         std::string_view what) {
    if (auto near = text::nearest(word, known)) return fmt::format("did you mean `{}`?", *near);
    return fmt::format("{}: {}", what, joined(known));
}

class Checker {
public:
    Checker(const Scope& scope, Narrowed narrowed, std::vector<Problem>& problems)
        : scope_(scope), narrowed_(std::move(narrowed)), problems_(problems) {}

    Type type(const Ast& ast) {
        switch (ast.kind) {
            case Ast::Kind::literal: return literal(ast.value);
            case Ast::Kind::name: return name(ast);
            case Ast::Kind::member: return member(ast);
            case Ast::Kind::index: return index(ast);
            case Ast::Kind::call: return call(ast);
            case Ast::Kind::list: return list(ast);
            case Ast::Kind::negation: condition(ast.children[0], "!"); return Type::boolean();
            case Ast::Kind::all_of: return all_of(ast);
            case Ast::Kind::any_of:
                if (looks_ternary(ast))
                    fail(ast.begin, "`a && b || c` picks no value here: && and || take booleans",
                         "write choose(condition, a, b)");
                for (const Ast& child : ast.children) condition(child, "||");
                return Type::boolean();
            case Ast::Kind::coalesce: return coalesce(ast);
            case Ast::Kind::comparison: return comparison(ast);
        }
        return {};
    }

    /// The operand as a boolean that is never null.
    void condition(const Ast& ast, std::string_view where) {
        const Type got = type(ast);
        const std::string source = to_source(ast);
        if (got.kind == Kind::any) return;  // known when it is evaluated
        if (got.kind != Kind::boolean) {
            std::string hint;
            if (got.kind == Kind::string && !got.nullable)
                hint = fmt::format("write `{} != ''`", source);
            if (got.kind == Kind::string && got.nullable)
                hint = fmt::format("write `({} ?? '') != ''`", source);
            if (got.kind == Kind::semver) hint = "compare it, e.g. `>= semver('1.4')`";
            if (got.kind == Kind::object) hint = fmt::format("write `{} != null`", source);
            if (got.kind == Kind::number) hint = fmt::format("write `{} != 0`", source);
            if (got.kind == Kind::list) hint = fmt::format("write `length({}) > 0`", source);
            if (ast.kind == Ast::Kind::literal && ast.value.kind == Value::Kind::string &&
                is_word(ast.value.string))
                hint = "remove the quotes around true and false";
            fail(ast.begin,
                 fmt::format("`{}` takes a boolean, `{}` is {}", where, source, article(got)),
                 hint);
        }
        if (got.nullable && !is_narrowed(ast))
            fail(ast.begin,
                 fmt::format("`{}` may be null, which is neither true nor false", source),
                 fmt::format("write `{} ?? false`", source));
    }

private:
    [[noreturn]] void fail(std::size_t offset, std::string message, std::string hint = {},
                           std::string id = "bad_expression") {
        problems_.push_back(
            {Severity::error, std::move(id), std::move(message), std::move(hint), offset});
        throw Given{};
    }

    static bool is_word(std::string_view text) { return text == "true" || text == "false"; }
    static std::string article(const Type& type) {
        std::string name = describe(type);
        // People who meet types for the first time do not know what `text?` is.
        if (name.ends_with('?')) name = name.substr(0, name.size() - 1) + " or null";
        return name[0] == 'o' ? "an " + name : name == "null" ? name : "a " + name;
    }

    static Type literal(const Value& value) {
        switch (value.kind) {
            case Value::Kind::boolean: return Type::boolean();
            case Value::Kind::number: return Type::number();
            case Value::Kind::string: return Type::string();
            case Value::Kind::semver: return Type::semver();
            case Value::Kind::list: {
                Type out;
                out.kind = Kind::list;
                if (!value.items.empty()) out.item.push_back(literal(value.items[0]));
                return out;
            }
            case Value::Kind::null:
            case Value::Kind::object: break;
        }
        Type out;
        out.nullable = true;
        return out;
    }

    Type allowed(const Type& type, const Ast& ast) {
        if (!type.refusal.empty())
            fail(ast.begin, type.refusal, type.refusal_hint, "context_not_here");
        Type out = type;
        if (deep_taint(out) != Taint::safe && out.origin.empty()) out.origin = dotted(ast);
        if (out.nullable && is_narrowed(ast)) out.nullable = false;
        return out;
    }

    Type name(const Ast& ast, std::string_view whole = {}) {
        const auto found = scope_.find(ast.name);
        if (found != scope_.end()) return allowed(found->second, ast);
        std::string hint = hint_for_foreign_context(whole.empty() ? ast.name : whole);
        if (hint.empty()) {
            std::vector<std::string> known;
            for (const auto& [known_name, type] : scope_)
                if (type.refusal.empty()) known.push_back(known_name);
            hint = did_you_mean(ast.name, known, "contexts here");
            if (find_function(ast.name) != nullptr)
                hint = "it is a function: add its arguments in ( )";
        }
        const bool dotted_name = !whole.empty();
        const bool foreign = scope_.find(ast.name) == scope_.end() && dotted_name;
        fail(ast.begin,
             fmt::format("`{}` is not known here", foreign ? std::string(whole) : ast.name), hint,
             "unknown_name");
    }

    Type member(const Ast& ast) {
        // `github.event.x` as a whole finds a better hint than `github` alone.
        const Ast* root = &ast;
        while (root->kind == Ast::Kind::member) root = &root->children[0];
        if (root->kind == Ast::Kind::name && !scope_.contains(root->name)) name(*root, dotted(ast));
        const Type parent = type(ast.children[0]);
        if (parent.kind == Kind::any) return parent;
        if (parent.kind != Kind::object)
            fail(ast.end - ast.name.size(),
                 fmt::format("`{}` is {} and has no property `{}`", to_source(ast.children[0]),
                             article(parent), ast.name));
        return property(parent, ast, ast.name, ast.end - ast.name.size());
    }

    Type property(const Type& parent, const Ast& ast, const std::string& wanted,
                  std::size_t offset) {
        const Type* found = parent.find(wanted);
        if (found == nullptr && !parent.item.empty()) found = &parent.item[0];
        if (found == nullptr) {
            std::vector<std::string> known;
            for (const TypeField& field : parent.fields)
                if (field.type.refusal.empty()) known.push_back(field.name);
            const std::string owner = to_source(ast.children[0]);
            std::string hint = known.empty() ? std::string("nothing can be read of it here")
                                             : did_you_mean(wanted, known, "it has");
            if (!parent.refusal_hint.empty() && !hint.starts_with("did"))
                hint = parent.refusal_hint;
            fail(offset, fmt::format("`{}` has no property `{}`", owner, wanted), hint,
                 "unknown_name");
        }
        Type out = allowed(*found, ast);
        if (parent.nullable && !is_narrowed(ast)) out.nullable = true;
        return out;
    }

    Type index(const Ast& ast) {
        const Type parent = type(ast.children[0]);
        const Ast& key = ast.children[1];
        const Type at = type(key);
        if (parent.kind == Kind::any) return parent;
        if (parent.kind == Kind::object) {
            if (key.kind != Ast::Kind::literal || key.value.kind != Value::Kind::string)
                fail(key.begin, "a property is named by a string, e.g. matrix['py']");
            return property(parent, ast, key.value.string, key.begin);
        }
        if (parent.kind != Kind::list)
            fail(ast.begin, fmt::format("`{}` is {} and has no elements",
                                        to_source(ast.children[0]), article(parent)));
        if (at.kind != Kind::number)
            fail(key.begin,
                 fmt::format("a position is a number, `{}` is {}", to_source(key), article(at)));
        Type out = parent.item.empty() ? literal({}) : parent.item[0];
        out.nullable = true;  // there may be fewer elements
        return out;
    }

    Type list(const Ast& ast) {
        Type out;
        out.kind = Kind::list;
        for (const Ast& child : ast.children) {
            Type item = type(child);
            if (item.nullable)
                fail(child.begin,
                     fmt::format("`{}` may be null, a list holds no nulls", to_source(child)),
                     "write `… ?? 'default'`");
            if (item.taint > out.taint) {
                out.taint = item.taint;
                out.origin = item.origin;
            }
            if (!out.item.empty() && !is_one_type(out.item[0], item))
                fail(child.begin, "the elements of a list have one type");
            if (out.item.empty()) out.item.push_back(std::move(item));
        }
        if (!out.item.empty()) {
            out.item[0].taint = out.taint;
            out.item[0].origin = out.origin;
            out.item[0].values.clear();
        }
        return out;
    }

    Type call(const Ast& ast) {
        const Function* function = find_function(ast.name);
        if (function == nullptr) {
            std::string hint = hint_for_foreign_function(ast.name);
            if (hint.empty()) hint = did_you_mean(ast.name, function_names(), "functions");
            fail(ast.begin, fmt::format("there is no function `{}`", ast.name), hint,
                 "unknown_name");
        }
        const std::size_t wanted = function->params.size();
        const std::size_t got = ast.children.size();
        if (got < wanted || (got > wanted && !function->variadic))
            fail(ast.begin,
                 fmt::format("`{}` takes {} argument{}, got {}", ast.name, wanted,
                             wanted == 1 ? "" : "s", got),
                 fmt::format("write {}", function->usage));
        std::vector<Type> types;
        for (std::size_t i = 0; i < got; ++i)
            types.push_back(
                argument(*function, function->params[std::min(i, wanted - 1)], ast.children[i], i));
        if (function->name == "choose" && !is_one_type(types[1], types[2]))
            fail(ast.children[2].begin,
                 fmt::format("choose() picks between {} and {}", article(types[1]),
                             article(types[2])),
                 "give both the same type");
        if (function->name == "contains") check_contains(ast, types);
        if (function->name == "join" && !types[0].item.empty() && !is_plain(types[0].item[0]))
            fail(ast.children[0].begin,
                 fmt::format("join() takes texts, numbers and booleans, not {}",
                             describe(types[0].item[0])),
                 "write to_json(…) for a list of other values");
        if (function->pure) try_literals(*function, ast);
        return function->type(types);
    }

    static bool is_plain(const Type& type) {
        return type.kind == Kind::string || type.kind == Kind::number ||
               type.kind == Kind::boolean || type.kind == Kind::any;
    }
    /// null and `any` go with everything.
    static bool is_one_type(const Type& a, const Type& b) {
        return a.kind == b.kind || a.kind == Kind::null || b.kind == Kind::null ||
               a.kind == Kind::any || b.kind == Kind::any;
    }

    void check_contains(const Ast& ast, const std::vector<Type>& types) {
        const Type& x = types[1];
        if (types[0].kind == Kind::string && !is_one_type(types[0], x))
            fail(ast.children[1].begin,
                 fmt::format("a text contains texts, `{}` is {}", to_source(ast.children[1]),
                             article(x)),
                 x.kind == Kind::number ? fmt::format("quote it: '{}'", to_source(ast.children[1]))
                                        : std::string{});
        if (types[0].kind == Kind::list && !types[0].item.empty() &&
            !is_one_type(types[0].item[0], x))
            fail(ast.children[1].begin,
                 fmt::format("`{}` is {}, and `{}` is {}", to_source(ast.children[0]),
                             article(types[0]), to_source(ast.children[1]), article(x)),
                 "look for a value of the list's type");
    }

    /// A call of constants fails for every event or for none: better said now.
    void try_literals(const Function& function, const Ast& ast) {
        std::vector<Value> arguments;
        for (const Ast& child : ast.children) {
            if (child.kind != Ast::Kind::literal || child.value.is_null()) return;
            arguments.push_back(child.value);
        }
        const auto result = function.apply(arguments, World{});
        if (!result)
            fail(ast.begin, result.error().message, fmt::format("write {}", function.usage));
    }

    Type argument(const Function& function, Param param, const Ast& ast, std::size_t position) {
        if (param == Param::boolean) {
            condition(ast, fmt::format("{}()", function.name));
            return Type::boolean();
        }
        Type got = type(ast);
        const bool fits = param == Param::any || got.kind == Kind::any ||
                          (param == Param::string && got.kind == Kind::string) ||
                          (param == Param::number && got.kind == Kind::number) ||
                          (param == Param::list && got.kind == Kind::list) ||
                          (param == Param::list_or_string &&
                           (got.kind == Kind::list || got.kind == Kind::string));
        if (!fits) {
            const std::string hint = got.kind == Kind::number && ast.kind == Ast::Kind::literal
                                         ? fmt::format("quote it: '{}'", to_source(ast))
                                         : fmt::format("write {}", function.usage);
            fail(
                ast.begin,
                fmt::format("argument {} of {}() is {}", position + 1, function.name, article(got)),
                hint);
        }
        if (function.takes_null && param == Param::any) return got;
        const bool reads_number = function.name == "semver" || function.name == "number";
        warn_null(ast, got, fmt::format("{}()", function.name), reads_number ? "'0'" : "");
        return got;
    }

    Type coalesce(const Ast& ast) {
        Type out;
        bool first = true;
        for (const Ast& child : ast.children) {
            Type next = type(child);
            if (first || out.kind == Kind::null) {
                const bool was_first = std::exchange(first, false);
                const Taint taint = was_first ? next.taint : std::max(out.taint, next.taint);
                out = next;
                out.taint = taint;
                continue;
            }
            if (!is_one_type(out, next))
                fail(child.begin, fmt::format("`??` joins {} and {}", article(out), article(next)),
                     "give both the same type");
            if (next.taint > out.taint) {
                out.taint = next.taint;
                out.origin = next.origin;
            }
            if (next.kind == Kind::any) out.kind = Kind::any;
            out.nullable = next.nullable;
            if (!next.values.empty() || !out.values.empty()) out.values.clear();
        }
        return out;
    }

    Type comparison(const Ast& ast) {
        const Ast &left_ast = ast.children[0], &right_ast = ast.children[1];
        const Type left = type(left_ast), right = type(right_ast);
        if (ast.name == "in") {
            if (right.kind == Kind::any) return Type::boolean();
            if (right.kind != Kind::list)
                fail(right_ast.begin,
                     fmt::format("right of `in` stands a list, `{}` is {}", to_source(right_ast),
                                 article(right)),
                     right.kind == Kind::string ? "for a part of a text write contains(s, part)"
                                                : "e.g. branch in ['main', 'next']");
            if (!right.item.empty()) same_type(ast, left_ast, left, right_ast, right.item[0]);
            for (const Ast& item : right_ast.children) check_choice(left, item);
            warn_null(right_ast, right, "`in`");
            return Type::boolean();
        }
        if (ast.name == "==" || ast.name == "!=") {
            if (left.kind == Kind::null || right.kind == Kind::null) return Type::boolean();
            same_type(ast, left_ast, left, right_ast, right);
            check_choice(left, right_ast);
            check_choice(right, left_ast);
            return Type::boolean();
        }
        for (const Ast* side : {&left_ast, &right_ast}) {
            const Type& got = side == &left_ast ? left : right;
            const Type& other = side == &left_ast ? right : left;
            if (got.kind == Kind::number || got.kind == Kind::semver || got.kind == Kind::any)
                continue;
            std::string hint;
            if (got.kind == Kind::string)
                hint = fmt::format("write {}({})", other.kind == Kind::number ? "number" : "semver",
                                   to_source(*side));
            fail(side->begin,
                 fmt::format("`{}` compares numbers or versions, `{}` is {}", ast.name,
                             to_source(*side), article(got)),
                 hint);
        }
        same_type(ast, left_ast, left, right_ast, right);
        warn_null(left_ast, left, fmt::format("`{}`", ast.name));
        warn_null(right_ast, right, fmt::format("`{}`", ast.name));
        return Type::boolean();
    }

    void warn_null(const Ast& ast, const Type& type, const std::string& taker,
                   std::string_view instead = {}) {
        if (!type.nullable) return;
        if (instead.empty())
            instead = type.kind == Kind::number    ? "0"
                      : type.kind == Kind::boolean ? "false"
                      : type.kind == Kind::list    ? "[]"
                                                   : "''";
        problems_.push_back(
            {Severity::warning, "maybe_null",
             fmt::format("`{}` may be null, and {} takes no null", to_source(ast), taker),
             fmt::format("write `{} ?? {}`", to_source(ast), instead), ast.begin});
    }

    void same_type(const Ast& ast, const Ast& left_ast, const Type& left, const Ast& right_ast,
                   const Type& right) {
        if (is_one_type(left, right) && (left.kind != Kind::object || right.kind != Kind::object))
            return;
        std::string hint = "compare values of one type";
        const bool left_string = left.kind == Kind::string,
                   right_string = right.kind == Kind::string;
        const Ast& other = left_string ? right_ast : left_ast;
        if (left.kind == Kind::object || right.kind == Kind::object)
            hint = "compare one of its properties, or with null";
        if ((left_string || right_string) && other.kind == Ast::Kind::literal &&
            other.value.kind != Value::Kind::list)
            hint = fmt::format("quote it: '{}'", to_source(other));
        for (const bool left_side : {true, false}) {
            if ((left_side ? left : right).kind != Kind::boolean) continue;
            const Ast& text = left_side ? right_ast : left_ast;
            if (text.kind == Ast::Kind::literal && is_word(text.value.string))
                hint = fmt::format("write {} without quotes", text.value.string);
        }
        if (left.kind == Kind::semver && right_string)
            hint = fmt::format("write semver({})", to_source(right_ast));
        if (right.kind == Kind::semver && left_string)
            hint = fmt::format("write semver({})", to_source(left_ast));
        fail(ast.begin,
             fmt::format("`{}` compares {} with {}", ast.name, article(left), article(right)),
             hint);
    }

    /// An enum compared with a value that it never has.
    void check_choice(const Type& type, const Ast& other) {
        if (type.values.empty() || other.kind != Ast::Kind::literal ||
            other.value.kind != Value::Kind::string)
            return;
        const std::string& value = other.value.string;
        if (std::find(type.values.begin(), type.values.end(), value) != type.values.end()) return;
        fail(other.begin, fmt::format("`{}` is never '{}'", type.origin, value),
             did_you_mean(value, type.values, "it is one of"));
    }

    /// `a && 'b' || 'c'` as people write it elsewhere for a choice.
    static bool looks_ternary(const Ast& ast) {
        const auto is_string = [](const Ast& a) {
            return a.kind == Ast::Kind::literal && a.value.kind == Value::Kind::string;
        };
        return ast.children.size() == 2 && ast.children[0].kind == Ast::Kind::all_of &&
               (is_string(ast.children[1]) || is_string(ast.children[0].children.back()));
    }

    /// Left operands of && rule out null for the right ones: `pr != null && pr.draft`.
    Type all_of(const Ast& ast) {
        const auto before = narrowed_;
        for (const Ast& child : ast.children) {
            condition(child, "&&");
            narrowed_.merge(narrowed_by(child));
        }
        narrowed_ = before;
        return Type::boolean();
    }

    bool is_narrowed(const Ast& ast) const {
        const std::string name = dotted(ast);
        if (name.empty()) return false;
        if (narrowed_.contains(name)) return true;
        // `pr != null` speaks for `pr.draft` too, whose own type is not nullable.
        return ast.kind == Ast::Kind::member && narrowed_.contains(dotted(ast.children[0]));
    }

    const Scope& scope_;
    Narrowed narrowed_;
    std::vector<Problem>& problems_;
};

}  // namespace

Type check(const Ast& ast, const Scope& scope, const Narrowed& narrowed,
           std::vector<Problem>& problems) {
    try {
        return Checker(scope, narrowed, problems).type(ast);
    } catch (const Given&) {
        return {};
    }
}

void check_condition(const Ast& ast, const Scope& scope, const Narrowed& narrowed,
                     std::vector<Problem>& problems) {
    try {
        Checker(scope, narrowed, problems).condition(ast, "if");
    } catch (const Given&) {
    }
}

}  // namespace sluice::config::expression
