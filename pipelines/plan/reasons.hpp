#pragma once
/// Texts of a Trace. Asked only when there is one, after the planner has decided. Pure.

#include "pipelines/config/merge.hpp"
#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/trace.hpp"

namespace sluice::plan {

/// Whether the file's `on`, and the job's own, bring a job for the event. `fired` is the planner's
/// answer about the file's.
std::vector<Reason> reasons_of_event(const Input& input, const config::File& file, bool fired,
                                     const config::MergedJob& job,
                                     const config::Diagnostics& diagnostics);
/// `paths` or `changes`: which path matches.
Reason reason_of_paths(const Input& input, std::string rule, std::span<const std::string> globs,
                       bool holds);
/// `if`: the values that it reads. `source` is how the file writes it.
Reason reason_of_condition(const expr::Ast& condition, std::string_view source,
                           const expr::Context& context, const Decision& decision);
/// Completes the trace by what stands in the plan only: who reads from a job that is not needed.
void finish(Trace& trace, const Plan& plan);

}  // namespace sluice::plan
