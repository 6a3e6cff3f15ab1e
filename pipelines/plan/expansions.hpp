#pragma once
/// A fragment that a job with a matrix calls is there once per cell: the jobs inside are cells of
/// `caller/x` by the caller's axes and their own (decision 0024). Pure.

#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/matrix.hpp"
#include "pipelines/plan/need_views.hpp"

#include <string>
#include <vector>

namespace sluice::plan {

/// A caller with a matrix around a job, and its cell.
struct CallerAt {
    const config::MergedJob* caller = nullptr;
    const Cell* cell = nullptr;
};
/// Outermost first; empty around a job that no matrix calls.
using Expansion = std::vector<CallerAt>;

/// The callers with a matrix around the job, outermost first. `jobs` outlives the result.
std::vector<const Needable*> callers_around(const config::MergedJob& job, const Calls& calls,
                                            const Needables& jobs);

/// How often the job is there: the product of the cells around it.
std::size_t count_expansions(const std::vector<const Needable*>& around);
/// At least one: an empty one when nothing is around the job.
std::vector<Expansion> expansions_of(const std::vector<const Needable*>& around);

/// `caller (1)/job (2)`
std::string id_of(const config::MergedJob& job, const Expansion& expansion, const Cell& cell);
/// The values of the callers' cells and of its own.
std::map<std::string, std::string> values_of(const Expansion& expansion, const Cell& cell);
/// The expansion as the plan keeps it.
std::vector<CallerCell> caller_cells(const config::MergedJob& job, const Expansion& expansion,
                                     const Calls& calls);

/// What cannot stand in a fragment that a matrix calls. Mistakes: `bad_call`.
void check_inside(const config::MergedJob& job, const Matrix* own,
                  const std::vector<const Needable*>& around, config::Diagnostics& diagnostics);

/// Cells at a time and `fail_fast` of a matrix node.
struct MatrixLimits {
    bool fail_fast = false;
    int max_parallel = 0;
};
MatrixLimits limits_of(const config::Node* matrix);

}  // namespace sluice::plan
