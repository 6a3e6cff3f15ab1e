// Texts with expressions: values, conditions, scripts, environments.
#include "pipelines/import/github.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::importer::github {

namespace {

/// `${{ secrets.NAME }}` and nothing else.
std::optional<std::string> secret_name(std::string_view text) {
    auto inside = whole_expression(text);
    if (!inside || !inside->starts_with("secrets.")) return std::nullopt;
    return inside->substr(8);
}

std::string variable_for(std::string_view expression) {
    std::string name;
    for (char c : expression) {
        const bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter)
            name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        else if (!name.empty() && !name.ends_with('_'))
            name += '_';
    }
    while (name.ends_with('_')) name.pop_back();
    return "EXPR_" + name.substr(0, 60);
}

struct Variable {
    std::string_view theirs, ours;
};
constexpr std::array k_variables{
    Variable{"GITHUB_OUTPUT", "CI_OUTPUT"},
    Variable{"GITHUB_ENV", "CI_ENV"},
    Variable{"GITHUB_STEP_SUMMARY", "CI_SUMMARY"},
    Variable{"GITHUB_SHA", "CI_COMMIT_SHA"},
    Variable{"GITHUB_WORKSPACE", "CI_WORKSPACE"},
    Variable{"GITHUB_RUN_ID", "CI_RUN_ID"},
    Variable{"GITHUB_RUN_NUMBER", "CI_RUN_NUMBER"},
    Variable{"GITHUB_RUN_ATTEMPT", "CI_ATTEMPT"},
    Variable{"GITHUB_BASE_REF", "CI_PR_TARGET_BRANCH"},
};

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string rename_variables(std::string script) {
    for (const Variable& variable : k_variables) {
        std::size_t at = 0;
        while ((at = script.find(variable.theirs, at)) != std::string::npos) {
            const std::size_t end = at + variable.theirs.size();
            const bool whole = (at == 0 || !is_word(script[at - 1])) &&
                               (end == script.size() || !is_word(script[end]));
            if (whole) script.replace(at, variable.theirs.size(), variable.ours);
            at += whole ? variable.ours.size() : variable.theirs.size();
        }
    }
    return script;
}

}  // namespace

std::optional<std::string> translate_text(Workflow& workflow, const Node& scalar,
                                          const std::string& key) {
    if (!scalar.is_scalar()) {
        workflow.work.ledger.lost(scalar.place, key, "a single value was expected");
        return std::nullopt;
    }
    auto text = interpolate(scalar.text, [&](std::string_view inside) -> Result<std::string> {
        SLUICE_TRY(std::string ours, value(inside, workflow.names));
        return "${{ " + ours + " }}";
    });
    if (text) return std::move(*text);
    workflow.work.ledger.lost(
        scalar.place, key,
        fmt::format("`{}`: {}", config::shown(scalar.text), text.error().message));
    return std::nullopt;
}

bool convert_condition(Workflow& workflow, const Node& owner, const std::string& path, Out& out) {
    const Node* condition_node = workflow.work.ledger.take(owner, "if");
    if (condition_node == nullptr) return true;
    auto translated = condition(condition_node->text, workflow.names);
    if (!translated) {
        workflow.work.ledger.lost(condition_node->place, path + ".if",
                                  fmt::format("`{}`: {}", config::shown(condition_node->text),
                                              translated.error().message));
        return false;
    }
    if (!translated->text.empty()) out.set("if", translated->text);
    if (!translated->when.empty()) out.set("when", translated->when);
    return true;
}

void convert_env(Workflow& workflow, const Node& owner, const std::string& path, Out& out,
                 config::Scopes scope) {
    Ledger& ledger = workflow.work.ledger;
    const Node* env = ledger.take(owner, "env");
    if (env == nullptr) return;
    for (const config::Member& variable : env->members) {
        ledger.take(*env, variable.name);
        const std::string key =
            fmt::format("{}{}env.{}", path, path.empty() ? "" : ".", variable.name);
        if (auto secret = secret_name(variable.value.text)) {
            if (knows(scope, "secrets") && scope != config::scope_top)
                out.child_map("secrets").set(variable.name, "github/" + *secret);
            else
                ledger.lost(variable.place, key, fmt::format("secret `{}`", config::shown(*secret)),
                            "this version has no secrets; the agent's environment must bring it");
            continue;
        }
        if (variable.value.is_null()) {
            put_env(out, variable.name, "", variable.place, ledger, key);
            continue;
        }
        if (auto text = translate_text(workflow, variable.value, key))
            put_env(out, variable.name, *text, variable.place, ledger, key);
    }
}

std::string convert_script(Workflow& workflow, const Node& script, const std::string& key,
                           Out& out) {
    Ledger& ledger = workflow.work.ledger;
    auto text = interpolate(script.text, [&](std::string_view inside) -> Result<std::string> {
        if (auto simple = in_script(inside)) return *simple;
        const std::string name = variable_for(inside);
        if (inside.starts_with("secrets.")) {
            const std::string secret(inside.substr(8));
            if (knows(config::scope_step, "secrets")) {
                out.child_map("secrets").set(secret, "github/" + secret);
                return "$" + secret;
            }
            ledger.lost(script.place, key, fmt::format("secret `{}`", config::shown(secret)),
                        "this version has no secrets; the agent's environment must bring it");
            return "$" + secret;
        }
        auto ours = value(inside, workflow.names);
        if (!ours) {
            ledger.lost(
                script.place, key,
                fmt::format("`${{{{ {} }}}}`: {}", config::shown(inside), ours.error().message),
                fmt::format("set ${}", name));
            return "$" + name;
        }
        // What an outsider can write reaches a script by the environment only.
        out.child_map("env").set(name, "${{ " + *ours + " }}");
        return "$" + name;
    });
    std::string done = rename_variables(text ? std::move(*text) : script.text);
    for (const char* left : {"GITHUB_", "RUNNER_"})
        for (std::size_t at = 0; (at = done.find(left, at)) != std::string::npos; ++at) {
            if (at > 0 && is_word(done[at - 1])) continue;
            std::size_t end = at;
            while (end < done.size() && is_word(done[end])) ++end;
            ledger.changed(script.place, key,
                           fmt::format("the script reads `{}`, which is not set here",
                                       done.substr(at, end - at)));
        }
    for (const char* command : {"::set-output", "::set-env", "::add-path", "::save-state"})
        if (done.find(command) != std::string::npos)
            ledger.changed(script.place, key,
                           fmt::format("the script writes `{}`, which does nothing here", command),
                           "write to $CI_OUTPUT or $CI_ENV");
    return done;
}

}  // namespace sluice::importer::github
