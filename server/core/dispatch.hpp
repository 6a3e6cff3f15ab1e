#pragma once
/// What travels to the runner besides the plan: the CI_* variables that the server knows
/// (pipeline-language.md).

#include "server/core/lifecycle.hpp"
#include "server/core/projects.hpp"

#include <string>

namespace sluice::core {

/// Builds the ClaimedJob of a job that is being leased. `public_url` is how people reach the
/// server.
Dispatch make_dispatch(Lifecycle& lifecycle, const ProjectDirectory& projects,
                       std::string public_url);

}  // namespace sluice::core
