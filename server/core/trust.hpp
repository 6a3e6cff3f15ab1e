#pragma once
/// How far a run is trusted, and what follows for it (reference A9). Pure.

#include "pipelines/model/event.hpp"
#include "pipelines/model/trust.hpp"
#include "server/store/policy.hpp"

#include <string_view>

namespace sluice::core {

/// The tier of an event before anybody approved anything. The default branch is always protected.
model::Tier tier_of(const model::Event& event, const store::Policy& policy,
                    std::string_view default_branch);

/// The context `trusted` of expressions: at least T1, and no fork, approved or not.
bool is_trusted(model::Tier tier, const model::Event& event);

}  // namespace sluice::core
