#pragma once
/// Checks the types of all expressions of a merged job, independent of any event: what stands in a
/// job that today's event does not bring is checked too. Pure.

#include "pipelines/config/merge.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/contexts.hpp"

#include <set>
#include <string>
#include <vector>

namespace sluice::plan {

/// Also of a job that calls jobs: its `if` and `with`.
struct JobView {
    const Calls& calls;
    const config::MergedJob& job;
    const Matrix* matrix = nullptr;   ///< nullptr: the job has none
    std::vector<NeedView> ancestors;  ///< what `needs` may name
    std::set<std::string> events;     ///< those that can bring the job
    std::vector<Param> run_params = {};
    std::vector<Param> params = {};  ///< the job's own
    bool whole_run = false;          ///< not a job: keys of a run
    /// Matrices of its callers, by the call that these stand in.
    std::map<int, const Matrix*> outer_matrices = {};
};

void check_types(const JobView& view, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
