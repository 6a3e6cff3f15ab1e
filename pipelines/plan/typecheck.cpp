#include "pipelines/plan/typecheck.hpp"

#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/names_read.hpp"
#include "pipelines/plan/params.hpp"

#include <fmt/format.h>

#include <utility>

namespace sluice::plan {
namespace {

using config::Diagnostics;
using config::Key;
using config::Member;
using config::Node;
using config::Scalar;
using expr::Taint;
using expr::Type;

/// `PR_TITLE` for `pr.title`.
std::string variable_for(std::string_view dotted) {
    std::string out;
    for (const char c : dotted) {
        if (c >= 'a' && c <= 'z') {
            out += static_cast<char>(c - 'a' + 'A');
        } else {
            out += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
        }
    }
    return out.empty() ? "VALUE" : out;
}

class TypeChecker {
public:
    TypeChecker(const JobView& view, Diagnostics& diagnostics)
        : view_(view), diagnostics_(diagnostics) {
        scope_ = scope_in(view.job.call);
        if (view.matrix != nullptr) scope_["matrix"] = matrix_type(*view.matrix);
        env_type_ = Type::refused("this job sets no `env`");
        scope_["env"] = env_type_;
        scope_["needs"] = needs_type(view.ancestors);
        set_params();
        if (view.whole_run)
            for (const char* name : {"job", "matrix", "env"})
                scope_[name] = Type::refused(
                    fmt::format("there is no `{}` here: this is about the whole run", name));
        if (view.events.size() == 1) expr::narrow_event(*view.events.begin(), narrowed_);
    }

    void run() {
        if (const Node* condition = view_.job.node.find("if");
            condition != nullptr && condition->is_scalar()) {
            check_condition(*condition, scope_, narrowed_);
            narrowed_.merge(narrowings(*condition));
        }
        set_env();
        for (const int call : view_.job.step_calls) check_call(call);
        if (view_.job.opens != 0) check_defaults(view_.job.opens);
        for (const Member& member : view_.job.node.members) {
            const Key* key = config::find_key(config::scope_job, member.name);
            if (key == nullptr || key->scalar == Scalar::condition) continue;
            if (member.name == "matrix") {
                check_axes(member.value);
            } else if (member.name == "steps") {
                check_steps(member.value, *key);
            } else if (member.name == "params") {
                const Type both = std::exchange(scope_["params"], outer_params_type_);
                walk(member.value, *key);
                scope_["params"] = both;
            } else {
                walk(member.value, *key);
            }
        }
    }

private:
    /// What nodes of a call may read by themselves.
    expr::Scope scope_in(int number) const {
        expr::Scope scope = common_scope();
        const auto& params = number == 0 ? view_.run_params : view_.calls.at(number).params;
        if (!params.empty()) scope["params"] = params_type(params);
        return scope;
    }

    /// The scope of a node: that of the job, or of the call of steps in which it stands.
    expr::Scope& scope_of(const Node& node) {
        if (node.place.call == view_.job.call) return scope_;
        const auto [at, is_new] = frames_.try_emplace(node.place.call);
        if (is_new) {
            at->second = scope_in(node.place.call);
            for (const char* name : {"matrix", "env", "needs"})
                at->second[name] = Type::refused(
                    fmt::format("`{}` of the caller cannot be read in a fragment", name),
                    "give the fragment a param, and the value by `with`");
            // What the caller itself wrote for all jobs of the fragment.
            if (const auto matrix = view_.outer_matrices.find(node.place.call);
                matrix != view_.outer_matrices.end())
                at->second["matrix"] = matrix_type(*matrix->second);
        }
        return at->second;
    }

    /// `with` and `if` of a step that calls steps, and the defaults of their params.
    void check_call(int number) {
        const Call& call = view_.calls.at(number);
        if (const Node* with = call.node.find("with"))
            for (const Member& value : with->members)
                if (value.value.is_scalar())
                    check_text(value.value, *config::find_key(config::scope_step, "with"));
        if (const Node* name = call.node.find("name"))
            check_text(*name, *config::find_key(config::scope_step, "name"));
        check_defaults(number);
    }

    void check_defaults(int number) {
        const Key& row = *config::find_key(config::scope_param, "default");
        for (const Param& param : view_.calls.at(number).params) {
            if (!param.fallback) continue;
            expr::Scope& scope = frames_[number];
            scope = common_scope();
            check_text(*param.fallback, row);
        }
        frames_.erase(number);
    }

    /// The job's own params beside those of the run or of the call.
    void set_params() {
        outer_params_type_ = scope_["params"];
        Type type = params_type(view_.params);
        const Node* sweep = view_.job.node.find("sweep");
        const Node* space = sweep == nullptr ? nullptr : sweep->find("space");
        if (space != nullptr)
            for (const Member& trial : space->members)
                type.fields.push_back(
                    {trial.name,
                     Type::refused(
                         fmt::format("`params.{}` differs from trial to trial", trial.name),
                         fmt::format("the script finds it in $CI_PARAM_{}",
                                     variable_for(trial.name)))});
        if (type.fields.empty()) return;
        const auto& outer = outer_params_type_.fields;
        type.fields.insert(type.fields.begin(), outer.begin(), outer.end());
        scope_["params"] = std::move(type);
    }

    void set_env() {
        std::vector<expr::TypeField> fields;
        const Node* env = view_.job.node.find("env");
        if (env == nullptr) return;
        for (const Member& variable : env->members) {
            Type type = Type::string(Taint::internal);
            // A variable is as trustworthy as what it was made of, else `env` would launder a
            // branch name.
            expr::Template parts;
            std::vector<expr::Problem> ignored;
            if (variable.value.is_scalar() && expr::has_expression(variable.value.text) &&
                expr::parse_template(variable.value.text, parts, ignored))
                for (const auto& part : parts.parts)
                    if (part.is_expression)
                        type.taint = std::max(
                            type.taint,
                            expr::check(part.ast, scope_of(variable.value), narrowed_, ignored)
                                .taint);
            if (!names_read(parts, "needs").empty())
                type = Type::refused(
                    fmt::format("`env.{}` reads `needs`, so it is not known when `env` is read",
                                variable.name),
                    "read `needs` here, too");
            fields.push_back({variable.name, std::move(type)});
        }
        env_type_ = Type::object(std::move(fields));
        scope_["env"] = env_type_;
    }

    void walk(const Node& node, const Key& key) {
        if (node.is_scalar()) check_text(node, key);
        for (const Node& item : node.items) {
            if (item.is_scalar()) check_text(item, key);
            if (item.is_map()) walk_map(item, key.item_map);
        }
        if (!node.is_map()) return;
        if (key.map == config::scope_env || key.map == config::scope_names) {
            for (const Member& variable : node.members) {
                if (variable.value.is_scalar()) check_text(variable.value, key);
                if (variable.value.is_map()) walk_map(variable.value, key.entry_map);
            }
            return;
        }
        walk_map(node, key.map);
    }

    void walk_map(const Node& node, config::Scopes scope) {
        for (const Member& member : node.members) {
            const Key* key = config::find_key(scope, member.name);
            if (key == nullptr) continue;
            label_ = scope == config::scope_image ? "image" : "";  // written without its `name`
            walk(member.value, *key);
            label_ = {};
        }
    }

    /// Axes that are outputs of other jobs.
    void check_axes(const Node& matrix) {
        for (const Member& axis : matrix.members) {
            if (config::find_key(config::scope_matrix, axis.name) != nullptr ||
                !axis.value.is_scalar() || !expr::has_expression(axis.value.text))
                continue;
            expr::Template parts;
            std::vector<expr::Problem> problems;
            if (expr::parse_template(axis.value.text, parts, problems)) {
                if (parts.is_whole())
                    check_axis(axis, parts.parts[0].ast, problems);
                else
                    problems.push_back(axis_problem(axis, "is a text",
                                                    "write one `${{ }}` and nothing around it", 0));
            }
            report(axis.value, parts.is_whole() ? parts.parts[0].offset : 0, problems);
        }
    }

    static expr::Problem axis_problem(const Member& axis, std::string_view what, std::string hint,
                                      std::size_t offset) {
        return {config::Severity::error, "matrix_late",
                fmt::format("axis `{}` {}", axis.name, what), std::move(hint), offset};
    }

    void check_axis(const Member& axis, const expr::Ast& ast,
                    std::vector<expr::Problem>& problems) {
        const Type matrix = std::exchange(scope_["matrix"],
                                          Type::refused("`matrix` cannot be read inside `matrix`"));
        const Type type = expr::check(ast, scope_of(axis.value), narrowed_, problems);
        check_needs(ast, problems);
        scope_["matrix"] = matrix;
        if (!problems.empty() && problems.back().severity == config::Severity::error) return;
        const auto names = names_read(ast, "needs");
        const auto fail = [&](std::string_view what, std::string hint) {
            problems.push_back(axis_problem(axis, what, std::move(hint), ast.begin));
        };
        const bool is_text =
            type.kind == Type::Kind::list && !type.item.empty() &&
            (type.item[0].kind == Type::Kind::string || type.item[0].kind == Type::Kind::number ||
             type.item[0].kind == Type::Kind::boolean);
        if (names.empty())
            fail("reads no output of another job", "list the values");
        else if (type.kind != Type::Kind::list)
            fail(fmt::format("takes a list, and this is {}", expr::describe(type)),
                 "declare the output of type list: `outputs: { versions: list }`");
        else if (!is_text)
            fail(fmt::format("takes a list of values, and this is {}", expr::describe(type)), "");
        else if (type.nullable || reads_optional(names))
            fail("may get no list: the need is `optional`", "remove `optional`");
    }

    bool reads_optional(const std::set<Names>& names) const {
        return std::any_of(view_.ancestors.begin(), view_.ancestors.end(), [&](const auto& need) {
            return need.optional && std::any_of(names.begin(), names.end(), [&](const Names& read) {
                       return read.front() == need.id;
                   });
        });
    }

    void check_steps(const Node& steps, const Key& key) {
        std::map<int, std::vector<std::string>> earlier;  // by call
        std::set<int> entered;
        for (const Node& step : steps.items) {
            for (const int number : view_.calls.chain(step.place.call)) {
                const Call& call = view_.calls.at(number);
                if (!call.of_steps || !entered.insert(number).second) continue;
                if (const Node* condition = call.node.find("if"))
                    check_step_condition(*condition, earlier[call.parent]);
            }
            if (step.is_scalar()) check_text(step, key);
            if (!step.is_map()) continue;
            const expr::Narrowed before = narrowed_;
            if (const Node* condition = step.find("if");
                condition != nullptr && condition->is_scalar()) {
                check_step_condition(*condition, earlier[step.place.call]);
                narrowed_.merge(narrowings(*condition));
            }
            for (const Member& member : step.members) {
                const Key* step_key = config::find_key(config::scope_step, member.name);
                if (step_key == nullptr || step_key->scalar == Scalar::condition) continue;
                if (member.name != "env") {
                    walk(member.value, *step_key);
                    continue;
                }
                Type& of_steps = scope_of(step)["steps"];
                const Type refused = std::exchange(of_steps, steps_type(earlier[step.place.call]));
                walk(member.value, *step_key);
                scope_of(step)["steps"] = refused;
            }
            narrowed_ = before;
            if (const Node* id = step.find("id"); id != nullptr)
                earlier[step.place.call].push_back(id->text);
        }
    }

    void check_step_condition(const Node& condition, const std::vector<std::string>& earlier) {
        if (!condition.is_scalar()) return;
        expr::Scope scope = scope_of(condition);
        scope["steps"] = steps_type(earlier);
        check_condition(condition, scope, narrowed_);
    }

    static expr::Narrowed narrowings(const Node& condition) {
        Diagnostics ignored;
        ignored.add_file("", "");
        Node copy = condition;
        copy.place = {};
        const auto ast = read_condition(copy, ignored);
        return ast ? expr::narrowed_by(*ast) : expr::Narrowed{};
    }

    void check_condition(const Node& node, const expr::Scope& scope,
                         const expr::Narrowed& narrowed) {
        const auto ast = read_condition(node, diagnostics_);
        if (!ast) return;
        std::vector<expr::Problem> problems;
        expr::check_condition(*ast, scope, narrowed, problems);
        check_needs(*ast, problems);
        const std::size_t open = node.text.find("${{");
        report(node, open == std::string::npos ? 0 : open + 3, problems);
    }

    void check_text(const Node& node, const Key& key) {
        if (!expr::has_expression(node.text) || key.eval == config::Eval::literal) return;
        expr::Template parts;
        std::vector<expr::Problem> problems;
        if (!expr::parse_template(node.text, parts, problems)) {
            report(node, 0, problems);
            return;
        }
        expr::Scope& scope = scope_of(node);
        const bool is_env = key.map == config::scope_env && &scope == &scope_;
        if (is_env)
            scope_["env"] = Type::refused("`env` cannot be read inside `env`",
                                          "the shell can: \"$NAME\" in `run`");
        const bool is_early = key.eval == config::Eval::plan;
        Type of_needs;
        if (is_early)
            of_needs = std::exchange(
                scope["needs"],
                Type::refused(
                    fmt::format("`{}` is needed before any job has run, so it cannot read `needs`",
                                key.name),
                    "`if`, `env`, `image`, `run`, `environment` and the keys of kinds can"));
        for (const auto& part : parts.parts) {
            if (!part.is_expression) continue;
            problems.clear();
            const Type type = expr::check(part.ast, scope, narrowed_, problems);
            check_needs(part.ast, problems);
            const bool failed =
                !problems.empty() && problems.back().severity == config::Severity::error;
            if (!failed) check_use(type, part, key, problems);
            report(node, part.offset, problems);
        }
        if (is_early) scope["needs"] = std::move(of_needs);
        if (is_env) scope_["env"] = env_type_;
    }

    /// What the types do not say about `needs`.
    static void check_needs(const expr::Ast& ast, std::vector<expr::Problem>& problems) {
        if (!problems.empty() && problems.back().severity == config::Severity::error) return;
        for (const Names& names : names_read(ast, "needs"))
            if (names.size() < 2) {
                problems.push_back({config::Severity::error, "bad_expression",
                                    "`needs` is read one value at a time",
                                    "e.g. needs.build.result, needs.build.outputs.name",
                                    ast.begin});
                return;
            }
        check_calls(ast, problems);
    }

    /// The commit's files are there when the plan is made, outputs are not yet.
    static void check_calls(const expr::Ast& ast, std::vector<expr::Problem>& problems) {
        if (ast.kind == expr::Ast::Kind::call && expr::reads(ast, {"needs", "steps"})) {
            const expr::Function* function = expr::find_function(ast.name);
            if (function != nullptr && !function->pure) {
                problems.push_back(
                    {config::Severity::error, "bad_expression",
                     fmt::format("{}() looks at the commit before any job has run, so it cannot "
                                 "take a value of `needs` or `steps`",
                                 ast.name),
                     "", ast.begin});
                return;
            }
        }
        for (const expr::Ast& child : ast.children) check_calls(child, problems);
    }

    /// What the value is used for: its type, its nulls, and who chose it.
    void check_use(const Type& type, const expr::Template::Part& part, const Key& key,
                   std::vector<expr::Problem>& problems) {
        const std::string source = expr::to_source(part.ast);
        const std::string_view label = !label_.empty()       ? label_
                                       : key.name == "steps" ? "run"
                                                             : key.name;
        const auto add = [&](config::Severity severity, std::string id, std::string message,
                             std::string hint) {
            problems.push_back(
                {severity, std::move(id), std::move(message), std::move(hint), part.ast.begin});
        };
        if (type.kind == Type::Kind::list || type.kind == Type::Kind::object) {
            add(config::Severity::error, "bad_expression",
                fmt::format("`{}` is {} and cannot stand in a text", source, expr::describe(type)),
                type.kind == Type::Kind::list ? fmt::format("write join({}, ',')", source)
                                              : "name one of its properties");
            return;
        }
        if (type.kind == Type::Kind::semver) {
            add(config::Severity::error, "bad_expression",
                fmt::format("`{}` is a semver and cannot stand in a text", source),
                "write the text that semver() was given");
            return;
        }
        if (type.nullable)
            add(config::Severity::warning, "maybe_null",
                fmt::format("`{}` may be null, which is an error then", source),
                fmt::format("write `${{{{ {} ?? '' }}}}`, or an `if` that rules it out", source));
        if (type.kind != Type::Kind::string && type.kind != Type::Kind::any) return;
        if (key.strings == config::Strings::safe_only && type.taint != Taint::safe) {
            const std::string variable = variable_for(type.origin);
            const std::string_view who = type.taint == Taint::outsider
                                             ? "is text that an outsider can choose; it"
                                             : "is a text; it";
            add(config::Severity::error, "interpolation_forbidden",
                fmt::format("`{}` {} cannot stand in `{}`", type.origin, who, label),
                fmt::format("pass it by the environment: `env: {{ {}: \"${{{{ {} }}}}\" }}` and "
                            "use \"${}\"",
                            variable, source.find('"') == std::string::npos ? source : type.origin,
                            variable));
        } else if (key.strings == config::Strings::no_text && type.taint == Taint::outsider) {
            add(config::Severity::error, "interpolation_forbidden",
                fmt::format("`{}` is text that an outsider can choose; it is refused in `{}`",
                            type.origin, label),
                fmt::format("make it safe: `${{{{ slug({}) }}}}`", type.origin));
        }
    }

    void report(const Node& node, std::size_t base, const std::vector<expr::Problem>& problems) {
        for (const expr::Problem& problem : problems) {
            const config::Place place = diagnostics_.within(node, base + problem.offset);
            if (problem.severity == config::Severity::error) {
                diagnostics_.error(place, problem.id, problem.message, problem.hint);
            } else {
                diagnostics_.warning(place, problem.id, problem.message, problem.hint);
            }
        }
    }

    const JobView& view_;
    Diagnostics& diagnostics_;
    expr::Scope scope_;
    std::map<int, expr::Scope> frames_;  ///< of other calls
    Type env_type_;
    Type outer_params_type_;  ///< what the job's own `params` may read
    std::string_view label_;
    expr::Narrowed narrowed_;
};

}  // namespace

void check_types(const JobView& view, Diagnostics& diagnostics) {
    TypeChecker(view, diagnostics).run();
}

}  // namespace sluice::plan
