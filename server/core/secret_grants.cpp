#include "server/core/secret_grants.hpp"

#include "pipelines/base/text.hpp"
#include "server/core/trust.hpp"
#include "server/store/projects.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

using model::EventKind;
using model::Tier;

namespace {

bool is_proposal(const model::Event& event) {
    return event.kind == EventKind::pull_request || event.kind == EventKind::merge_queue;
}

/// The branch that a secret's globs are compared with.
std::string ref_of(const model::Event& event) {
    if (event.queue) return event.queue->target_branch;
    return event.pull_request ? event.pull_request->target_branch : event.branch;
}

/// name → optional everywhere it is named.
std::map<std::string, bool> names_of(const model::JobSpec& spec) {
    std::map<std::string, bool> out;
    const auto add = [&](const std::map<std::string, model::SecretSpec>& secrets) {
        for (const auto& [variable, secret] : secrets) {
            const auto [at, fresh] = out.emplace(secret.secret, secret.optional);
            if (!fresh) at->second = at->second && secret.optional;
        }
    };
    add(spec.secrets);
    if (!spec.image_settings.auth.empty()) out[spec.image_settings.auth] = false;
    for (const auto& step : spec.steps) add(step.secrets);
    return out;
}

std::string joined(const std::vector<std::string>& items) {
    return fmt::format("`{}`", fmt::join(items, "`, `"));
}

}  // namespace

bool is_ref_protected(const model::Event& event, const store::Policy& policy,
                      std::string_view default_branch) {
    const std::string ref = ref_of(event);
    return !ref.empty() &&
           (ref == default_branch || text::globs_match(policy.protected_branches, ref));
}

std::string out_of_scope(const Scope& scope, const GrantCase& asked) {
    const std::string event(to_text(asked.event.kind));
    const bool named =
        std::find(scope.events.begin(), scope.events.end(), event) != scope.events.end();
    if (!scope.events.empty() && !named)
        return fmt::format("it is for the events {}, this is {}", joined(scope.events), event);
    const bool proposal = is_proposal(asked.event);
    if (scope.events.empty() && proposal)
        return fmt::format("it is not for {}: whoever may open one could {}", event, scope.harm);
    if (scope.branches.empty() && scope.tags.empty()) {
        const bool fits = proposal ? asked.ref_protected : asked.tier == Tier::t3;
        return fits ? ""
                    : fmt::format("it is for protected branches and tags, this run is {}",
                                  to_text(asked.tier));
    }
    const std::string ref = ref_of(asked.event);
    const bool fits = asked.event.kind == EventKind::tag
                          ? text::globs_match(scope.tags, asked.event.tag)
                          : !ref.empty() && text::globs_match(scope.branches, ref);
    if (!fits) {
        std::string words;
        if (!scope.branches.empty()) words = "the branches " + joined(scope.branches);
        if (!scope.tags.empty())
            words += (words.empty() ? "the tags " : ", the tags ") + joined(scope.tags);
        return "it is for " + words;
    }
    // The name of a protected branch, but not its tip: a run by hand of some other commit.
    if (!proposal && asked.ref_protected && asked.tier != Tier::t3)
        return fmt::format("the branch is protected and this run is {}", to_text(asked.tier));
    return "";
}

std::string refusal(const store::Secret& secret, const GrantCase& asked) {
    if (asked.tier == Tier::t0 || !is_trusted(asked.tier, asked.event))
        return "no secret is given to the run of a fork";
    static const std::vector<std::string> no_tags;
    return out_of_scope({secret.events, secret.branches, no_tags, "read it"}, asked);
}

bool wants_secrets(const model::JobSpec& spec) {
    return !spec.secrets.empty() || !spec.id_tokens.empty() || !spec.image_settings.auth.empty() ||
           std::any_of(spec.steps.begin(), spec.steps.end(),
                       [](const auto& step) { return !step.secrets.empty(); });
}

GrantCase case_of(store::Tx& tx, const store::Run& run, const model::Event& event,
                  const model::JobSpec& spec) {
    const auto project = store::find_project(tx, run.project).value();
    GrantCase asked;
    asked.event = event;
    asked.tier = run.tier;
    if (spec.environment) asked.environment = spec.environment->name;
    asked.ref_protected = is_ref_protected(event, project.policy, project.default_branch);
    return asked;
}

std::string missing_secrets(store::Tx& tx, const store::Run& run, const model::Event& event,
                            const model::JobSpec& spec) {
    if (!wants_secrets(spec)) return "";
    return fmt::format("{}", fmt::join(grants_of(tx, run, event, spec).missing, "; "));
}

Grants grants_of(store::Tx& tx, const store::Run& run, const model::Event& event,
                 const model::JobSpec& spec) {
    Grants out;
    if (!spec.id_tokens.empty() && (run.tier == Tier::t0 || !is_trusted(run.tier, event)))
        out.missing.emplace_back("no identity token is given to the run of a fork");
    const auto names = names_of(spec);
    if (names.empty()) return out;
    const GrantCase asked = case_of(tx, run, event, spec);
    for (const auto& [name, optional] : names) {
        const auto rows = store::secrets_named(tx, run.project, name);
        const auto fits = [&](std::string_view environment) {
            return std::find_if(rows.begin(), rows.end(),
                                [&](const auto& row) { return row.environment == environment; });
        };
        // The one of the job's environment hides the general one, even where it is not granted.
        auto chosen = asked.environment.empty() ? rows.end() : fits(asked.environment);
        if (chosen == rows.end()) chosen = fits("");
        std::string why;
        if (chosen == rows.end() && rows.empty())
            why = fmt::format("the project has no secret `{}`; `sluice secret set {}` makes it",
                              name, name);
        else if (chosen == rows.end())
            why = fmt::format("secret `{}`: it is for jobs of the environment `{}`", name,
                              rows.front().environment);
        else if (const std::string refused = refusal(*chosen, asked); !refused.empty())
            why = fmt::format("secret `{}`: {}", name, refused);
        if (why.empty())
            out.given.emplace(name, *chosen);
        else if (!optional)
            out.missing.push_back(std::move(why));
    }
    return out;
}

}  // namespace sluice::core
