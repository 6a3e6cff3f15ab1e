#include "server/core/environments.hpp"

#include "server/core/trust.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::core {

namespace {

constexpr std::array<std::string_view, 3> k_roles{"read", "write", "admin"};

/// Position in k_roles; nothing for the name of a person.
std::optional<std::ptrdiff_t> rank(std::string_view role) {
    const auto at = std::find(k_roles.begin(), k_roles.end(), role);
    if (at == k_roles.end()) return std::nullopt;
    return at - k_roles.begin();
}

bool counts(const Demand& demand, const store::Vote& vote) {
    const auto own = rank(vote.role).value_or(0);
    if (demand.by.empty()) return own >= rank("write");
    return std::any_of(demand.by.begin(), demand.by.end(), [&](const std::string& who) {
        const auto wanted = rank(who);
        return wanted ? own >= *wanted : who == vote.person;
    });
}

}  // namespace

Demands demands_of(store::Tx& tx, const store::Run& run, const model::JobSpec& spec,
                   std::int64_t outdated_by) {
    Demands out;
    out.expires = model::Approval{}.expires;
    std::optional<store::Environment> environment;
    if (spec.environment)
        environment = store::find_environment(tx, run.project, spec.environment->name);
    if (environment) {
        out.wait = environment->wait;
        if (environment->approvals > 0) {
            out.people.push_back({environment->approvers, environment->approvals});
            out.reason_required = environment->reason_required;
            out.expires = environment->expires;
        }
    }
    if (spec.approval) {
        out.expires = out.people.empty() ? spec.approval->expires
                                         : std::min(out.expires, spec.approval->expires);
        out.people.push_back({spec.approval->by, 1});
        out.reason_required |= spec.approval->reason_required;
    }
    if (outdated_by != 0 && out.people.empty()) out.people.push_back({});
    return out;
}

std::int64_t outdated_by(store::Tx& tx, const store::Run& run, const model::JobSpec& spec) {
    if (!spec.environment) return 0;
    return store::newer_deployment(tx, run.project, spec.environment->name, run.id);
}

bool may_decide(const Demands& demands, const store::Vote& person) {
    // What an environment asked for when the job was held may have been taken back since.
    if (demands.people.empty()) return counts({}, person);
    return std::any_of(demands.people.begin(), demands.people.end(),
                       [&](const Demand& demand) { return counts(demand, person); });
}

std::vector<Demand> unmet(const Demands& demands, const std::vector<store::Vote>& votes) {
    std::vector<Demand> out;
    for (const Demand& demand : demands.people) {
        const auto given = std::count_if(votes.begin(), votes.end(),
                                         [&](const auto& vote) { return counts(demand, vote); });
        if (given < demand.count) out.push_back({demand.by, demand.count - given});
    }
    return out;
}

std::string to_words(const std::vector<Demand>& demands) {
    std::string out;
    for (const Demand& demand : demands) {
        const std::string who = demand.by.empty() ? "someone with the role write"
                                                  : fmt::format("{}", fmt::join(demand.by, ", "));
        if (!out.empty()) out += " and ";
        out += demand.count == 1 ? "an approval by " + who
                                 : fmt::format("{} approvals by {}", demand.count, who);
    }
    return out;
}

std::string refused_environment(store::Tx& tx, const store::Run& run, const model::Event& event,
                                const model::JobSpec& spec) {
    if (!spec.environment) return "";
    const std::string& name = spec.environment->name;
    if (run.tier == model::Tier::t0 || !is_trusted(run.tier, event))
        return fmt::format("environment `{}`: the run of a fork deploys nowhere", name);
    const auto environment = store::find_environment(tx, run.project, name);
    if (!environment) return "";
    const Scope scope{environment->events, environment->branches, environment->tags,
                      "deploy to it"};
    const std::string why = out_of_scope(scope, case_of(tx, run, event, spec));
    return why.empty() ? "" : fmt::format("environment `{}`: {}", name, why);
}

std::string refused_by_policy(store::Tx& tx, const store::Run& run, const model::Event& event,
                              const model::JobSpec& spec) {
    std::string why = refused_environment(tx, run, event, spec);
    return why.empty() ? missing_secrets(tx, run, event, spec) : why;
}

}  // namespace sluice::core
