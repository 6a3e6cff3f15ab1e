#pragma once
/// Jobs that a run gets while it goes on (engine rule 19): a fragment that a job has written, cells
/// of a matrix over outputs. Pure functions; used by the server before it records the end of the
/// job, and by `sluice run`.

#include "pipelines/plan/matrix.hpp"
#include "pipelines/plan/plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

struct GrowInput {
    /// Of the run: event, project, changed paths. Its files are not read; `fragments` are those
    /// that the generated one names (named_fragments()).
    const Input& input;
    const std::vector<PlannedJob>& run;  ///< all jobs that the run has now
    std::string generator;               ///< id of the job that wrote it
    std::string text;                    ///< what it wrote at JobSpec::generate
};

struct Growth {
    /// Nothing when there are errors. In topological order; each needs the generator.
    std::vector<PlannedJob> jobs;
    std::vector<config::Diagnostic> diagnostics;  ///< their file is JobSpec::generate
};

/// True when a job of the plan may bring others: it generates them, or its matrix is open.
bool may_grow(const Plan& plan);
/// True when later planning asks for the files and fragments of the run, too.
bool has_open_matrix(const Plan& plan);

/// An open matrix whose values are there.
struct ExpandInput {
    const Input& input;                  ///< of the run, with its files, fragments and tree
    const std::vector<PlannedJob>& run;  ///< all jobs that the run has now
    std::string job;                     ///< base id of the job that stands for the cells
    AxisValues values;                   ///< due_matrices() in advance.hpp
};

/// Why a job whose matrix turns out empty is not_selected.
inline constexpr std::string_view k_no_cells =
    "its matrix has no cell: a list is empty, or everything is excluded";

/// The cells, in order, which take the place of the job; none when a list is empty or everything
/// is excluded. Only errors are told: the warnings were when the run was planned.
Growth expand(const ExpandInput& in);

/// Mistakes are those of a file, and: `bad_generated` (steps, params, a further `generate`, a
/// remote fragment, an environment or secret that the generator does not have).
Growth grow(const GrowInput& in);

/// `the generated out/jobs.yml has 2 mistakes: out/jobs.yml:3:5: error: …` for people, at most
/// 4 KiB; of a job with an open matrix `the cells cannot be made, 1 mistake: …`.
std::string describe_failure(const PlannedJob& job,
                             const std::vector<config::Diagnostic>& diagnostics);

}  // namespace sluice::plan
