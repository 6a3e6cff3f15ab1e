#include "pipelines/plan/config_edit.hpp"

#include "pipelines/base/json.hpp"

#include <map>

namespace sluice::plan {

namespace {

/// Cells in the order of the plan, which both sides make by the same rules.
std::map<std::string, std::string> definitions_of(const Plan& plan) {
    std::map<std::string, std::string> out;
    for (const PlannedJob& job : plan.jobs)
        out[job.spec.base] += json::serialize(to_json(job)) + "\n";
    return out;
}

}  // namespace

bool is_config_path(std::string_view path) {
    return path == ".ci" || path.starts_with(".ci/") || path.starts_with(".ci.");
}

ConfigEdit compare_config(const Input& change, const Input& target) {
    ConfigEdit edit;
    const auto own_gates = read_gates(change.files);
    const auto their_gates = read_gates(target.files);
    edit.gate = own_gates != their_gates;
    const Outcome own = make_plan(change);
    const auto after = own.plan ? definitions_of(*own.plan) : std::map<std::string, std::string>{};
    if (target.files.empty()) {
        for (const auto& [id, definition] : after) edit.added.insert(id);
        return edit;
    }
    const Outcome theirs = make_plan(target);
    if (!theirs.plan) {
        for (const auto& [id, definition] : after) edit.changed.insert(id);
        return edit;
    }
    const auto before = definitions_of(*theirs.plan);
    for (const auto& [id, definition] : after) {
        const auto old = before.find(id);
        if (old == before.end())
            edit.added.insert(id);
        else if (old->second != definition)
            edit.changed.insert(id);
    }
    for (const auto& [id, definition] : before)
        if (!after.contains(id)) edit.removed.insert(id);
    return edit;
}

std::set<std::string> selected_jobs(const Input& change) {
    std::set<std::string> out;
    const Outcome planned = make_plan(change);
    if (!planned.plan) return out;
    for (const PlannedJob& job : planned.plan->jobs)
        if (job.selected) out.insert(job.spec.base);
    return out;
}

}  // namespace sluice::plan
