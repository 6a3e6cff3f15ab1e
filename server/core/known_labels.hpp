#pragma once
/// Labels that jobs ask for and no agent has: a warning and never an error, agents come and go
/// (reference A10).

#include "pipelines/config/diagnostic.hpp"
#include "pipelines/plan/plan.hpp"
#include "server/store/agents.hpp"

#include <set>
#include <string>
#include <vector>

namespace sluice::core {

/// Whether some job that would run asks for labels. Pure.
bool asks_for_labels(const plan::Plan& plan);

/// Of all agents, paused ones too. `executor=…` is not among them: agents say it when they ask for
/// work.
std::set<std::string> known_labels(const std::vector<store::Agent>& agents);

/// One warning for each label that nobody has, naming the first job that asks for it. Pure.
std::vector<config::Diagnostic> warn_of_labels(const plan::Plan& plan,
                                               const std::set<std::string>& known);

}  // namespace sluice::core
