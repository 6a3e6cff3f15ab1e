#pragma once
/// `needs` of one job, checked against the jobs it names. Pure.

#include "pipelines/plan/contexts.hpp"
#include "pipelines/plan/graph.hpp"

namespace sluice::plan {

/// What a job of the plan is to those that need it. The pointers outlive the call.
struct Needable {
    const config::MergedJob* job = nullptr;
    const Matrix* matrix = nullptr;  ///< nullptr: it has none
};
using Needables = std::map<std::string, Needable, std::less<>>;  ///< by id

/// The ancestors of a job that its expressions name. Where they name something else, others follow
/// without types, for hints: in a run of thousands of jobs all ancestors of all would be millions.
std::vector<NeedView> need_views(const Graph& graph, const Calls& calls,
                                 const config::MergedJob& job, std::size_t index,
                                 const Needables& jobs);

/// Needs by cell: axes that one of the two lacks, values that no cell has. `around` are the job's
/// callers with a matrix: what these need by cell is handed on to it.
void check_needs_by_cell(const std::vector<DeclaredNeed>& needs, const Needable& own,
                         const std::vector<const Needable*>& around, const Needables& jobs,
                         config::Diagnostics& diagnostics);

/// The need of one cell. Says so when no cell fits.
Need need_of_cell(const DeclaredNeed& declared, const std::string& job, const Cell& cell,
                  const Needables& jobs, config::Diagnostics& diagnostics);

/// Cells that the need means.
std::size_t count_cells(const Need& need, const Needables& jobs);

}  // namespace sluice::plan
