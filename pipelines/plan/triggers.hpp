#pragma once
/// Whether `on` of a file brings its jobs for an event (reference A6 step 1). Pure.

#include "pipelines/config/merge.hpp"
#include "pipelines/model/event.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sluice::plan {

/// Whether a file's `on` brings its jobs, and by which `paths`.
struct Fired {
    bool fired = false;
    const std::vector<std::string>* paths = nullptr;
};

/// `push` or `pull_request` of a file, for the branch.
Fired by_branch(const std::optional<config::BranchTrigger>& trigger, const std::string& branch);
Fired fires(const config::Triggers& triggers, const model::Event& event);

}  // namespace sluice::plan
