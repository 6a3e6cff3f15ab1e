#include "pipelines/config/checker.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/config/manual/places.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::config {
namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

/// `timeout-minutes` → `timeout_minutes`
std::string snake_case(std::string_view name) {
    std::string out(name);
    std::replace(out.begin(), out.end(), '-', '_');
    return out;
}

/// The name stands in another map of the language.
std::string hint_for_other_place(const Member& member, Scopes scope) {
    const std::string_view name = member.name;
    if (scope == scope_step && find_key(scope_job, name) != nullptr)
        return "it belongs to the job, not to a step";
    if (scope == scope_top && find_key(scope_defaults, name) != nullptr)
        return fmt::format("for all jobs of the file write `defaults: {{ {}: … }}`", name);
    if (scope == scope_top && find_key(scope_job, name) != nullptr)
        return fmt::format("it stands in a job: `jobs: {{ test: {{ {}: … }} }}`", name);
    if (scope == scope_defaults && find_key(scope_job, name) != nullptr)
        return "it cannot be a default; write it in each job, or in a template for `extends`";
    if (scope == scope_job && find_key(scope_top, name) != nullptr)
        return "it stands at the top of the file, not in a job";
    for (const char* commands : {"run", "steps", "script", "uses"})
        if (scope == scope_top && member.value.find(commands) != nullptr && is_job_id(name))
            return fmt::format("a job stands below `jobs`: `jobs: {{ {}: … }}`", name);
    return {};
}

std::string hint_for_unknown(const Member& member, Scopes scope) {
    const std::string& name = member.name;
    const std::string& text = member.value.text;
    if (name == "timeout-minutes" && !text.empty() && text.size() < 5 &&
        text.find_first_not_of("0123456789") == std::string::npos)
        return fmt::format("write `timeout: {}m`", text);
    if (std::string hint(hint_for_foreign_key(scope, name)); !hint.empty()) return hint;
    const std::string snake = snake_case(name);
    if (snake != name && find_key(scope, snake) != nullptr)
        return fmt::format("keys are snake_case: `{}`", snake);
    if (std::string hint = hint_for_other_place(member, scope); !hint.empty()) return hint;
    const auto known = key_names(scope);
    if (auto near = text::nearest(name, known)) return fmt::format("did you mean `{}`?", *near);
    if (scope == scope_environment) return "variables of the job are `env`";
    if (known.empty()) return "it takes no keys";
    // Sixty names help nobody.
    if (known.size() > 12)
        return fmt::format("`sluice schema {}` lists what may stand here",
                           manual::find_map(scope)->id);
    return fmt::format("known here: {}", joined(known));
}

}  // namespace

std::string wanted(const Key& key) {
    std::vector<std::string> forms;
    if (key.scalar == Scalar::choice) {
        forms.push_back(fmt::format("one of {}", key.choices));
    } else if (key.scalar != Scalar::none) {
        forms.emplace_back(scalar_name(key.scalar));
    }
    if (key.item != Scalar::none || key.item_map != scope_none) forms.emplace_back("a list");
    if (key.map != scope_none) forms.emplace_back("a map");
    std::string out;
    for (std::size_t i = 0; i < forms.size(); ++i) {
        if (i > 0) out += i + 1 == forms.size() ? " or " : ", ";
        out += forms[i];
    }
    return out;
}

bool null_is_forgotten(Scopes scope) {
    constexpr Scopes k_never_inherited =
        scope_top | scope_fragment | scope_push | scope_pull_request | scope_manual |
        scope_schedule | scope_gate | scope_gate_queue | scope_step | scope_need | scope_artifact |
        scope_cache | scope_threshold | scope_matrix | scope_matrix_row;
    return (scope & k_never_inherited) != 0;
}

void Checker::check_map(const Node& node, Scopes scope, const std::string& path) {
    for (const Member& member : node.members) {
        const Key* key = find_key(scope, member.name);
        const std::string inner =
            path.empty() ? shown(member.name) : path + "." + shown(member.name);
        if (key != nullptr) {
            check_value(member, *key, scope, inner);
        } else if (scope == scope_matrix && find_key(scope, snake_case(member.name)) == nullptr) {
            check_axis(member, inner);
        } else {
            unknown_key(member, scope, path);
        }
    }
}

void Checker::unknown_key(const Member& member, Scopes scope, const std::string& path) {
    const Diagnostics::About about(diagnostics_, nullptr, scope);
    const std::string name = shown(member.name);
    const std::string hint = hint_for_unknown(member, scope);
    std::string owner(scope_name(scope));
    if (!path.empty() && owner != fmt::format("`{}`", path)) owner += fmt::format(" (`{}`)", path);
    diagnostics_.error(member.place, "unknown_key",
                       fmt::format("unknown key `{}` in {}", name, owner), hint);
}

void Checker::check_value(const Member& member, const Key& key, Scopes scope,
                          const std::string& path) {
    const Diagnostics::About about(diagnostics_, &key, scope);
    const Node& node = member.value;
    if (node.is_null()) {
        const bool is_trigger_map =
            scope == scope_on && key.map != scope_none;  // `push:` alone means all
        if (is_trigger_map || !null_is_forgotten(scope)) {
            if (scope == scope_on && !is_trigger_map) mismatch(node, key, path);
            return;  // null removes an inherited value
        }
        mismatch(node, key, path);
        return;
    }
    if (node.is_map() && key.map != scope_none) {
        check_free_map(node, key.map, key, path);
        return;
    }
    if (node.is_list() && (key.item != Scalar::none || key.item_map != scope_none)) {
        check_list(node, key, path);
        return;
    }
    if (node.is_scalar() && key.scalar != Scalar::none) {
        check_text(node, key.scalar, key, path);
        return;
    }
    mismatch(node, key, path);
}

void Checker::check_list(const Node& node, const Key& key, const std::string& path) {
    bool only_removes = !node.items.empty() && key.item == Scalar::glob;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const Node& item = node.items[i];
        const std::string inner = fmt::format("{}[{}]", path, i);
        only_removes = only_removes && item.text.starts_with('!');
        if (item.is_map() && key.item_map == scope_matrix_row) {
            for (const Member& value : item.members)
                if (!value.value.is_scalar())
                    diagnostics_.error(value.value.place, "type_mismatch",
                                       fmt::format("`{}.{}` takes a value, got {}", inner,
                                                   shown(value.name), describe(value.value)));
        } else if (item.is_map() && key.item_map != scope_none) {
            check_map(item, key.item_map, inner);
        } else if (item.is_scalar() && key.item != Scalar::none) {
            check_text(item, key.item, key, inner);
        } else {
            std::string forms(key.item == Scalar::none ? "a map" : scalar_name(key.item));
            if (key.item != Scalar::none && key.item_map != scope_none) forms += " or a map";
            diagnostics_.error(item.place, "type_mismatch",
                               fmt::format("`{}` takes {}, got {}", inner, forms, describe(item)),
                               fmt::format("e.g. `{}`", key.example));
        }
    }
    if (only_removes)
        diagnostics_.warning(
            node.place, "glob_matches_nothing",
            fmt::format("`{}` holds only patterns that remove, so it matches nothing", path),
            "begin with \"**\", which matches everything");
}

void Checker::check_text(const Node& node, Scalar type, const Key& key, const std::string& path) {
    if (type == Scalar::condition) return;
    if (expression::has_expression(node.text)) {
        if (key.eval == Eval::literal)
            diagnostics_.error(diagnostics_.within(node, node.text.find("${{")),
                               "expression_not_here",
                               fmt::format("`{}` is read before any expression is evaluated", path),
                               "write the value itself");
        return;
    }
    auto complaint = check_scalar(type, node.text, key.choices);
    if (key.name == "kind") complaint.reset();  // the table of kinds decides (planner)
    if (!complaint) return;
    if (complaint->hint.empty() && !key.example.empty())
        complaint->hint = fmt::format("e.g. `{}`", key.example);
    diagnostics_.error(node.place, complaint->id, fmt::format("`{}`: {}", path, complaint->message),
                       complaint->hint);
}

void Checker::check_free_map(const Node& node, Scopes scope, const Key& key,
                             const std::string& path) {
    if (scope == scope_env) {
        check_env(node, key, path, path != "env");
    } else if (scope == scope_jobs) {
        check_jobs(node, path);
    } else if (scope == scope_names) {
        check_names(node, key, path);
    } else {
        check_map(node, scope, path);
    }
}

void Checker::check_names(const Node& node, const Key& key, const std::string& path) {
    for (const Member& member : node.members) {
        const std::string inner = path + "." + shown(member.name);
        if (auto complaint = check_name(key.names, member.name))
            diagnostics_.error(member.place, complaint->id,
                               fmt::format("`{}`: {}", path, complaint->message), complaint->hint);
        const Node& value = member.value;
        if (value.is_null()) continue;  // removes an inherited one
        if (value.is_map() && key.entry_map != scope_none) {
            check_map(value, key.entry_map, inner);
        } else if (value.is_scalar() && key.name == "outputs" && path.starts_with("jobs.") &&
                   expression::has_expression(value.text)) {
            diagnostics_.error(value.place, "expression_not_here",
                               fmt::format("`{}` takes the type of the output", inner),
                               "e.g. `outputs: { version: string }`; the job writes "
                               "`version=1.2` to \"$CI_OUTPUT\"");
        } else if (value.is_scalar() && key.entry != Scalar::none) {
            check_text(value, key.entry, key, inner);
        } else {
            std::string forms(key.entry == Scalar::choice ? fmt::format("one of {}", key.choices)
                              : key.entry == Scalar::none ? ""
                                                          : std::string(scalar_name(key.entry)));
            if (key.entry_map != scope_none) forms += forms.empty() ? "a map" : " or a map";
            diagnostics_.error(value.place, "type_mismatch",
                               fmt::format("`{}` takes {}, got {}", inner, forms, describe(value)),
                               fmt::format("e.g. `{}`", key.example));
        }
    }
}

void Checker::check_env(const Node& node, const Key& key, const std::string& path,
                        bool null_removes) {
    const bool in_step = path.find(".steps[") != std::string::npos || path.starts_with("steps[");
    for (const Member& variable : node.members) {
        if (auto complaint = check_env_name(variable.name))
            diagnostics_.error(variable.place, complaint->id, complaint->message, complaint->hint);
        const std::string inner = path + "." + shown(variable.name);
        if (variable.value.is_null() && null_removes && !in_step) continue;
        if (variable.value.is_scalar()) {
            check_text(variable.value, Scalar::value, key, inner);
            continue;
        }
        diagnostics_.error(
            variable.value.is_null() ? variable.place : variable.value.place, "type_mismatch",
            fmt::format("`{}` takes a value, got {}", inner, describe(variable.value)),
            variable.value.is_null() ? "write \"\" for an empty value"
                                     : "a variable is one text; join lists yourself");
    }
}

void Checker::check_jobs(const Node& node, const std::string& path) {
    for (const Member& job : node.members) {
        const std::string_view name = job.name;
        const std::string_view id = name.starts_with('.') ? name.substr(1) : name;
        if (!is_job_id(id)) {
            std::string lower(id);
            for (char& c : lower)
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
            diagnostics_.error(
                job.place, "bad_name", fmt::format("`{}` is not a job id", shown(name)),
                is_job_id(lower)
                    ? fmt::format("ids are lower-case: `{}`", lower)
                    : "a lower-case letter, then up to 62 lower-case letters, digits, `_` and `-`; "
                      "what people see is `name`");
        }
        const std::string inner = path + "." + shown(name);
        if (job.value.is_map()) {
            check_map(job.value, scope_job, inner);
            continue;
        }
        diagnostics_.error(
            job.value.is_null() ? job.place : job.value.place, "type_mismatch",
            fmt::format("`{}` takes a map, got {}", inner, describe(job.value)),
            fmt::format("e.g. `{}: {{ run: make test }}`; check the indentation below it",
                        shown(name)));
    }
}

void Checker::check_axis(const Member& axis, const std::string& path) {
    const Key& matrix = *find_key(scope_job, "matrix");
    const bool is_name = !axis.name.empty() && axis.name.size() <= 64 &&
                         std::all_of(axis.name.begin(), axis.name.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                    (c >= '0' && c <= '9') || c == '_' || c == '-';
                         });
    if (!is_name)
        diagnostics_.error(axis.place, "bad_name",
                           fmt::format("`{}` cannot name an axis", shown(axis.name)),
                           "letters, digits, `_` and `-`");
    // An output of another job, as a list: the cells are made when it has ended.
    if (axis.value.is_scalar() && expression::has_expression(axis.value.text)) return;
    if (!axis.value.is_list()) {
        diagnostics_.error(
            axis.value.is_null() ? axis.place : axis.value.place, "type_mismatch",
            fmt::format("`{}` takes a list of values, got {}", path, describe(axis.value)),
            fmt::format("e.g. `{}`", matrix.example));
        return;
    }
    for (std::size_t i = 0; i < axis.value.items.size(); ++i) {
        const Node& value = axis.value.items[i];
        const std::string inner = fmt::format("{}[{}]", path, i);
        if (!value.is_scalar()) {
            diagnostics_.error(value.place, "type_mismatch",
                               fmt::format("`{}` takes a value, got {}", inner, describe(value)));
        } else if (expression::has_expression(value.text)) {
            diagnostics_.error(
                value.place, "expression_not_here",
                fmt::format("`{}` is read before any expression is evaluated", inner),
                "write the value itself");
        }
    }
}

void Checker::mismatch(const Node& node, const Key& key, const std::string& path) {
    std::string hint = key.example.empty() ? std::string{} : fmt::format("e.g. `{}`", key.example);
    const bool is_word = node.is_scalar() && node.plain && node.text.size() < 40;
    if (is_word && key.scalar == Scalar::none && key.item != Scalar::none)
        hint = fmt::format("write a list: `{}: [{}]`", key.name, shown(node.text));
    if (is_word && key.name == "on" && find_key(scope_on, node.text) != nullptr)
        hint = fmt::format("write `on: {{ {}: {{}} }}`", node.text);
    if (node.is_list() && key.name == "on")
        hint = "triggers are a map: `on: { push: {}, pull_request: {} }`";
    if (node.is_map() && key.map == scope_none && key.item_map != scope_none)
        hint = fmt::format("write a list of maps: `{}: [{{ … }}]`", key.name);
    if (key.name == "retry" && node.is_scalar())
        hint = "say for which cause: `retry: { infra: 2, script: 1 }`";
    if (key.name == "services" && node.is_list())
        hint = "services are a map from a name: `services: { db: { image: \"postgres:15\" } }`";
    if (key.name == "allow_failure" && node.is_map())
        hint = "exit codes are a list: `allow_failure: [75]`";
    if (key.name == "when" && node.is_map()) hint = "events are `on`, conditions are `if`";
    if (node.text.ends_with('$')) hint = "quote values with `${{ }}` inside `{ }` and `[ ]`";
    diagnostics_.error(node.place, "type_mismatch",
                       fmt::format("`{}` takes {}, got {}", path, wanted(key), describe(node)),
                       hint);
}

}  // namespace sluice::config
