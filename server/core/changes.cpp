#include "server/core/changes.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

namespace sluice::core {

namespace {

/// Branches whose tip is judged by itself, whatever pull requests say. A gate without `branches`
/// holds everywhere, so it says nothing about this one.
bool stands_alone(const std::vector<plan::GateSpec>& gates, std::string_view branch,
                  std::string_view default_branch) {
    if (branch == default_branch) return true;
    for (const auto& gate : gates)
        if (!gate.branches.empty() && text::globs_match(gate.branches, branch)) return true;
    return false;
}

}  // namespace

PullRequests::PullRequests(const std::vector<store::PullRequestRow>& rows) {
    for (const auto& row : rows) {
        auto value = json::parse(row.event, {.bytes = 4 << 20, .depth = 64});
        if (!value) continue;
        if (auto event = model::event_from_json(*value, ""); event && event->pull_request)
            open_[{row.project, row.number}] = *event;
    }
}

void PullRequests::record(store::Tx& tx, ProjectId project, const model::Event& event, bool open) {
    if (!event.pull_request) return;
    const Key key{project, event.pull_request->number};
    if (open)
        store::put_pull_request(tx, {project, key.second, json::serialize(model::to_json(event))});
    else
        store::remove_pull_request(tx, project, key.second);
    tx.after_commit([this, key, event, open] {
        std::lock_guard lock(mutex_);
        if (open)
            open_[key] = event;
        else
            open_.erase(key);
    });
}

std::optional<model::Event> PullRequests::of_branch(ProjectId project,
                                                    std::string_view branch) const {
    std::lock_guard lock(mutex_);
    for (auto at = open_.lower_bound({project, 0}); at != open_.end() && at->first.first == project;
         ++at) {
        const auto& pull = *at->second.pull_request;
        if (!pull.fork && pull.source_branch == branch) return at->second;
    }
    return std::nullopt;
}

std::optional<std::string> covered_by_pull_request(const PullRequests& open, ProjectId project,
                                                   const plan::Input& input,
                                                   const plan::Plan& plan) {
    if (input.event.kind != model::EventKind::push || plan.with_pr ||
        stands_alone(plan.gates, input.event.branch, input.default_branch))
        return std::nullopt;
    auto pull = open.of_branch(project, input.event.branch);
    if (!pull) return std::nullopt;
    // The pull request's run comes with its own event. A file that has none for it would leave the
    // change without any run.
    plan::Input as_pull_request = input;
    pull->sha = input.event.sha;
    as_pull_request.event = *pull;
    as_pull_request.changed_paths.reset();
    if (!plan::make_plan(as_pull_request).triggered) return std::nullopt;
    return fmt::format("pull request #{} stands for this branch: its run is the only one",
                       pull->pull_request->number);
}

void supersede(store::Tx& tx, Lifecycle& lifecycle, const NewRun& fresh, RunId run,
               std::string_view default_branch) {
    if (!fresh.event.pull_request) return;
    const auto& pull = *fresh.event.pull_request;
    if (!fresh.plan || !fresh.hold.empty())
        for (const auto& older : store::active_runs_of(tx, fresh.project, pull.source_branch))
            if (older.event_kind == "pull_request" && older.pr_number == pull.number &&
                older.id != run)
                lifecycle.supersede_run(tx, older.id, run);
    if (fresh.plan && fresh.plan->with_pr) return;
    const auto gates = fresh.plan ? fresh.plan->gates : std::vector<plan::GateSpec>{};
    if (pull.fork || stands_alone(gates, pull.source_branch, default_branch)) return;
    for (const auto& older : store::active_runs_of(tx, fresh.project, pull.source_branch)) {
        if (older.event_kind == "push") lifecycle.supersede_run(tx, older.id, run);
    }
}

}  // namespace sluice::core
