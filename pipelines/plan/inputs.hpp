#pragma once
/// `inputs` that come from other jobs (reference A7): what a reference names, and whether it can.
/// Pure, any thread.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/model/spec.hpp"
#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/graph.hpp"
#include "pipelines/plan/need_views.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::plan {

struct InputSource {
    std::string job, output;
    bool all_cells = false;  ///< `JOB[*].OUT`: a folder per cell
    bool of_best = false;    ///< `JOB.best.OUT`: of the best trial of a sweep
};
/// Of `JOB.OUT`, `JOB[*].OUT` and `JOB.best.OUT`; nothing for what names a registry.
std::optional<InputSource> input_source(std::string_view from);
std::string reference_text(const InputSource& source);

/// The folder of a cell in an input of all cells: `3.11-linux` of `train (3.11, linux)` and of
/// `call (3.11)/train (linux)`.
std::string cell_folder(std::string_view key);

/// Whether the job of each reference is an ancestor with such an output.
void check_inputs(const Graph& graph, const Calls& calls, const config::MergedJob& job,
                  std::size_t index, const Needables& jobs, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
