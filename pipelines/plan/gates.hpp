#pragma once
/// `gate:` of `.ci.yml` → values, and what can be said about it without a run. Pure.

#include "pipelines/config/parser.hpp"
#include "pipelines/plan/plan.hpp"

#include <set>
#include <string>
#include <vector>

namespace sluice::plan {

/// The gates of a file that the schema accepted; the first whose branches match a branch is the one
/// for it.
std::vector<GateSpec> gates_of(const config::Node& root);

/// Branches that no pull request of any file reaches, and a merge queue that no file has a trigger
/// for, are errors; a `require` that no job has is a warning. `main` is .ci.yml, `files` all.
void check_gates(const config::File& main, const std::vector<config::File>& files,
                 const std::set<std::string>& job_ids, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
