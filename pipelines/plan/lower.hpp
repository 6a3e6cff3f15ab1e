#pragma once
/// A merged job and one cell → what runs: expressions evaluated, texts checked against their types.
/// Pure.

#include "pipelines/config/merge.hpp"
#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/contexts.hpp"
#include "pipelines/plan/expansions.hpp"
#include "pipelines/plan/plan.hpp"
#include "pipelines/plan/trace.hpp"

#include <optional>
#include <set>
#include <string>

namespace sluice::plan {

inline constexpr std::size_t k_max_steps = 500;

struct LowerInput {
    const Input& input;
    const Calls& calls;
    const config::MergedJob& job;
    const Cell& cell;  ///< the only cell of a job without a matrix has no values
    const std::vector<std::string>* trigger_paths = nullptr;  ///< `paths` of the trigger that fired
    std::vector<Need> needs;                                  ///< jobs of this run
    std::set<std::string> optional;  ///< ids of needs that may be missing, of this run or not
    std::vector<Reason>* reasons = nullptr;  ///< not null: why it is selected or not goes there
    /// `params` of the run; nullptr = none.
    const std::map<std::string, model::ParamValue>* run_params = nullptr;
    std::vector<Param> params = {};  ///< of the job itself
    const Matrix* open = nullptr;    ///< not null: the matrix is open, and `cell` stands for it
    Expansion expansion = {};        ///< the cells of its callers
};

/// Selection (reference A6 step 3) and lowering. A job that is not selected keeps its identity
/// only: the rest may read what this event does not have; of an open matrix the same, with
/// PlannedJob::axes. Nothing after a diagnostic.
std::optional<PlannedJob> lower(const LowerInput& in, config::Diagnostics& diagnostics);

/// What the job asks for that this version cannot carry out, as sentences for people; what it can
/// do without is a warning only. See config::Key::pending.
std::vector<std::string> unsupported(const config::Node& job, config::Diagnostics& diagnostics);

/// The same for what a file says beside its jobs: warnings only.
void warn_unsupported(const config::Node& root, config::Diagnostics& diagnostics);

/// What maps of a merged job lack, and keys that rule each other out. Mistakes: `key_missing`,
/// `one_of_them`, `two_values`, `image_without_container` …
void check_shape(const config::MergedJob& job, config::Diagnostics& diagnostics);

/// Checks of a merged job that no event and no expression changes: kind, steps, unique ids.
void check_job(const config::MergedJob& job, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
