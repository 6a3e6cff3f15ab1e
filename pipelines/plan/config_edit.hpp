#pragma once
/// What a change does to the pipeline itself (reference A9): which jobs would be other jobs if the
/// target branch's files were used for the same event. Pure.

#include "pipelines/plan/plan.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

/// `.ci.yml`, `.ci/…` and names one may take for them.
bool is_config_path(std::string_view path);

/// Job ids without cells. A definition is the evaluated spec of all cells with needs, conditions
/// and whether they were selected: what counts is what would be done, not how it is written.
struct ConfigEdit {
    std::set<std::string> changed;  ///< both sides have the job, differently
    std::set<std::string> added;    ///< the target has no such job
    std::set<std::string> removed;  ///< the change has no such job
    bool gate = false;              ///< `gate` of `.ci.yml` differs
    bool operator==(const ConfigEdit&) const = default;
};

/// Plans the same event with the change's files and with those of the target branch. Where the
/// target has files that give no plan for this event, nothing can be compared and every job counts
/// as changed; where it has none, every job is added.
ConfigEdit compare_config(const Input& change, const Input& target);

/// Job ids of which some cell would be selected, as far as the plan decides.
std::set<std::string> selected_jobs(const Input& change);

}  // namespace sluice::plan
