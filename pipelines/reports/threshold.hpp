#pragma once
/// Limits on metrics (reference A8). Pure, any thread.

#include "pipelines/model/reports.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reports {

/// Values by name; percentages as 0 to 100.
using Metrics = std::map<std::string, double>;

/// What the reports of a job say in numbers: its own metrics, and `tests.total`, `.passed`,
/// `.failed` (with errored ones), `.skipped`, `.flaky`, `.seconds`; `findings.total`, `.errors`,
/// `.warnings`, `.notes`, `.new`, `.fixed`; `coverage.lines`, `.branches`, `.changed`.
Metrics metrics_of(const model::Reports& reports);

/// One result for each limit and each metric that it names. `base`: the metrics to compare with,
/// `target`: those for limits with `against: target`; nothing = there is no base yet, and then
/// max_drop and max_rise only warn: the first run of a job has nothing to be worse than. `max_drop`
/// says bigger is better, `max_rise` smaller is; a percentage in them, and in `ignore_below`, is of
/// the base. In `min` and `max` it is a hundredth, unless the metric is a percentage itself
/// (`coverage.…`). A metric that no report gave fails, or warns with `missing: warn`; but
/// `coverage.changed` of a change that touches no line that can be covered passes.
std::vector<model::ThresholdResult> evaluate(const std::vector<model::Threshold>& thresholds,
                                             const model::Reports& reports,
                                             const std::optional<Metrics>& base,
                                             const std::optional<Metrics>& target);

}  // namespace sluice::reports
