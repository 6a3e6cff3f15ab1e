#pragma once
/// From reports to the outcome of a job: what `fail_on`, failing tests and thresholds make of a
/// pass. Pure, any thread.

#include "pipelines/model/outcome.hpp"
#include "pipelines/reports/ranges.hpp"
#include "pipelines/reports/threshold.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sluice::reports {

enum class FindingScope { added, any, none };

/// `fail_on` of kind lint.
struct FailOn {
    model::Severity level = model::Severity::warning;
    FindingScope scope = FindingScope::added;
    bool operator==(const FailOn&) const = default;
};

/// What a job's reports are compared with.
struct Baseline {
    /// `run 12 of main` for people, or why there is none: `this is the first run of the job`.
    std::string name;
    std::optional<std::vector<model::Finding>> findings;
    std::optional<Metrics> metrics;
    std::optional<Metrics> target_metrics;  ///< of the newest run of the branch it goes to
    std::optional<ChangedLines> changes;    ///< from the base's commit to this one
};

/// Marks each finding as new or not and summarises them. Base findings decide; else the changed
/// lines; else everything is new. `compared` of the result says which.
/// `gone`, if given, gets the findings of the base that are no more, marked as fixed.
model::FindingReport compare_findings(std::vector<model::Finding>& findings,
                                      const Baseline& baseline,
                                      std::vector<model::Finding>* gone = nullptr);

/// Findings that count under `fail_on`. After compare_findings().
int counted(const std::vector<model::Finding>& findings, const FailOn& fail_on);

struct Rules {
    std::optional<FailOn> fail_on;  ///< kind lint
    bool fail_on_tests = false;     ///< kind test: a failing test fails the job
    std::vector<model::Threshold> thresholds;
    bool needs_tests = false;  ///< a report of tests was promised: without it the job fails
};

/// Evaluates the thresholds into `reports`, and says how a job whose steps passed has ended:
/// nothing = it stays passed. `counted_findings`: see counted(). Lint and thresholds fail with
/// cause `policy`, tests with `script`.
std::optional<model::Outcome> judge(model::Reports& reports, const Rules& rules,
                                    int counted_findings, const Baseline& baseline);

}  // namespace sluice::reports

namespace sluice {
SLUICE_ENUM_NAMES(reports::FindingScope, "new", "any", "none");
}  // namespace sluice
