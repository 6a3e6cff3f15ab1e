#pragma once
/// Jobs that a run gets while it goes on (engine rule 19): a fragment that a job has written. A
/// pure function; used by the server before it records the end of the job, and by `sluice run`.

#include "pipelines/plan/plan.hpp"

#include <string>
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

/// True when a job of the plan may bring others.
bool may_grow(const Plan& plan);

/// Mistakes are those of a file, and: `bad_generated` (steps, params, a further `generate`, a
/// remote fragment, an environment or secret that the generator does not have).
Growth grow(const GrowInput& in);

/// `gen: 2 mistakes in out/jobs.yml: out/jobs.yml:3:5: error: …` for people, at most 4 KiB.
std::string describe_failure(const PlannedJob& generator,
                             const std::vector<config::Diagnostic>& diagnostics);

}  // namespace sluice::plan
