#pragma once
/// Limits on metrics (reference A8). Pure, any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reports {

/// `0.8`, `80%`, `2`.
struct Limit {
    double value = 0;  ///< as written: 80 for `80%`
    bool percent = false;
    bool operator==(const Limit&) const = default;
};
/// Refused with id `bad_limit`.
Result<Limit> parse_limit(std::string_view text);

enum class Missing { fail, warn };

/// `max_drop` says bigger is better, `max_rise` smaller is. A percentage in them is of the base; in
/// `min` and `max` it is a hundredth, unless the metric is a percentage itself (`coverage.…`).
struct Threshold {
    std::string metric;  ///< a name, or a glob over names
    std::optional<Limit> min, max, max_drop, max_rise;
    double ignore_below = 0;  ///< changes of at most this much are noise
    Missing missing = Missing::fail;
    bool operator==(const Threshold&) const = default;
};

/// Values by name; percentages as 0 to 100.
using Metrics = std::map<std::string, double>;

/// What the reports of a job say in numbers: its own metrics, and `tests.total`, `.passed`,
/// `.failed` (with errored ones), `.skipped`, `.flaky`, `.seconds`; `findings.total`, `.errors`,
/// `.warnings`, `.notes`, `.new`, `.fixed`; `coverage.lines`, `.branches`, `.changed`.
Metrics metrics_of(const model::Reports& reports);

/// One result for each limit and each metric that it names. `base`: the metrics to compare with;
/// nothing = there is no base yet, and then max_drop and max_rise only warn: the first run of a job
/// has nothing to be worse than. A metric that no report gave fails, or warns with `missing: warn`;
/// but `coverage.changed` of a change that touches no line that can be covered passes.
std::vector<model::ThresholdResult> evaluate(const std::vector<Threshold>& thresholds,
                                             const model::Reports& reports,
                                             const std::optional<Metrics>& base);

}  // namespace sluice::reports

namespace sluice {
SLUICE_ENUM_NAMES(reports::Missing, "fail", "warn");
}  // namespace sluice
