#include "pipelines/plan/triggers.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/plan/plan.hpp"

#include <algorithm>

namespace sluice::plan {

using config::BranchTrigger;
using config::Triggers;

Fired by_branch(const std::optional<BranchTrigger>& trigger, const std::string& branch) {
    if (!trigger) return {};
    if (trigger->branches && !text::globs_match(*trigger->branches, branch)) return {};
    return {true, trigger->paths ? &*trigger->paths : nullptr};
}

Fired fires(const Triggers& triggers, const model::Event& event) {
    switch (event.kind) {
        case model::EventKind::push: return by_branch(triggers.push, event.branch);
        case model::EventKind::tag:
            return {triggers.tag && text::globs_match(*triggers.tag, event.tag)};
        case model::EventKind::pull_request:
            if (!event.pull_request || !triggers.pull_request) return {};
            if (event.pull_request->draft && !triggers.pull_request->drafts) return {};
            return by_branch(triggers.pull_request, event.pull_request->target_branch);
        case model::EventKind::manual: return {triggers.manual};
        case model::EventKind::merge_queue: return {triggers.merge_queue};
        case model::EventKind::schedule:
            return {event.schedule && std::any_of(triggers.schedules.begin(),
                                                  triggers.schedules.end(), [&](const auto& item) {
                                                      return item.schedule.name ==
                                                             event.schedule->name;
                                                  })};
        case model::EventKind::dataset:
            return {event.dataset && std::find(triggers.datasets.begin(), triggers.datasets.end(),
                                               event.dataset->name) != triggers.datasets.end()};
    }
    return {};
}

bool is_skipped(const model::Event& event) {
    if (event.kind != model::EventKind::push) return false;
    if (std::find(event.options.begin(), event.options.end(), "ci.skip") != event.options.end())
        return true;
    return event.message.find("[skip ci]") != std::string::npos ||
           event.message.find("[ci skip]") != std::string::npos;
}

}  // namespace sluice::plan
