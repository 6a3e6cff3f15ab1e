#include "server/core/trust.hpp"

#include "pipelines/base/text.hpp"

namespace sluice::core {

using model::EventKind;
using model::Tier;

namespace {

bool is_fork(const model::Event& event) {
    return event.pull_request && event.pull_request->fork;
}

}  // namespace

Tier tier_of(const model::Event& event, const store::Policy& policy,
             std::string_view default_branch) {
    if (is_fork(event)) return Tier::t0;
    switch (event.kind) {
        case EventKind::pull_request:
        case EventKind::merge_queue: return Tier::t1;
        case EventKind::tag:
            return text::globs_match(policy.protected_tags, event.tag) ? Tier::t3 : Tier::t2;
        case EventKind::push:
        case EventKind::schedule:
        case EventKind::manual:
        case EventKind::dataset: break;
    }
    if (event.branch.empty()) return Tier::t2;
    const bool is_protected = event.branch == default_branch ||
                              text::globs_match(policy.protected_branches, event.branch);
    return is_protected ? Tier::t3 : Tier::t2;
}

bool is_trusted(Tier tier, const model::Event& event) {
    return tier >= Tier::t1 && !is_fork(event);
}

}  // namespace sluice::core
