#include "pipelines/reports/verdict.hpp"

#include "pipelines/reports/compare.hpp"
#include "pipelines/reports/findings.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::reports {
namespace {

using model::Finding;
using model::Verdict;

std::string plural(std::int64_t count, std::string_view one) {
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

model::Outcome failed(model::Cause cause, std::string message) {
    return {model::AttemptResult::failed, std::nullopt, std::nullopt, cause, std::move(message)};
}

/// `src/a.py:3 F401 imported but unused`, the first that counts.
std::string first_counted(const model::FindingReport& report, const FailOn& fail_on) {
    for (const Finding& finding : report.annotations) {
        if (finding.severity < fail_on.level) continue;
        if (fail_on.scope == FindingScope::added && !finding.is_new.value_or(true)) continue;
        return fmt::format("; first: {}:{} {} {}", finding.file, finding.line, finding.rule,
                           finding.message.substr(0, finding.message.find('\n')));
    }
    return "";
}

std::string findings_text(const model::Reports& reports, const FailOn& fail_on, int count) {
    const bool fresh = fail_on.scope == FindingScope::added;
    std::string text = fmt::format("{}{} of level {} or worse", fresh ? "new: " : "",
                                   plural(count, "finding"), to_text(fail_on.level));
    return text + first_counted(*reports.findings, fail_on);
}

std::string tests_text(const model::TestReport& tests) {
    std::string text =
        fmt::format("{} of {} failed", plural(tests.failed + tests.errored, "test"), tests.total);
    if (!tests.failures.empty()) {
        const model::TestCase& first = tests.failures.front();
        text +=
            fmt::format("; first: {}{}{}", first.suite, first.suite.empty() ? "" : " ", first.name);
    }
    return text;
}

}  // namespace

model::FindingReport compare_findings(std::vector<Finding>& findings, const Baseline& baseline,
                                      std::vector<Finding>* gone) {
    int fixed = 0;
    std::string compared;
    std::vector<bool> added;
    if (baseline.findings) {
        Comparison comparison = compare(*baseline.findings, findings, baseline.changes);
        added = std::move(comparison.added);
        fixed = static_cast<int>(comparison.gone.size());
        for (const std::size_t i : comparison.gone) {
            if (gone == nullptr) break;
            gone->push_back((*baseline.findings)[i]);
            gone->back().fixed = true;
        }
        compared = fmt::format("compared with {}", baseline.name);
    } else if (baseline.changes) {
        added = on_changed_lines(findings, *baseline.changes);
        compared = fmt::format("no findings to compare with ({}): those on changed lines are new",
                               baseline.name);
    } else {
        added.assign(findings.size(), true);
        compared = fmt::format("nothing to compare with ({}): all are new", baseline.name);
    }
    for (std::size_t i = 0; i < findings.size(); ++i) findings[i].is_new = added[i];
    model::FindingReport report = summarise(findings);
    if (!report.added) report.added = 0;
    if (baseline.findings) report.fixed = fixed;
    report.compared = std::move(compared);
    return report;
}

int counted(const std::vector<Finding>& findings, const FailOn& fail_on) {
    if (fail_on.scope == FindingScope::none) return 0;
    return static_cast<int>(std::count_if(findings.begin(), findings.end(), [&](const Finding& f) {
        return f.severity >= fail_on.level &&
               (fail_on.scope == FindingScope::any || f.is_new.value_or(true));
    }));
}

std::optional<model::Outcome> judge(model::Reports& reports, const Rules& rules,
                                    int counted_findings, const Baseline& baseline) {
    reports.thresholds =
        evaluate(rules.thresholds, reports, baseline.metrics, baseline.target_metrics);
    if (rules.fail_on_tests && reports.tests && reports.tests->failed + reports.tests->errored > 0)
        return failed(model::Cause::script, tests_text(*reports.tests));
    if (rules.needs_tests && !reports.tests)
        return failed(model::Cause::script, "no test report was written");
    if (rules.needs_tests && reports.tests->total == 0)
        return failed(model::Cause::script, "the test report holds no test");
    if (rules.fail_on && reports.findings && counted_findings > 0)
        return failed(model::Cause::policy,
                      findings_text(reports, *rules.fail_on, counted_findings));
    std::string text;
    for (const model::ThresholdResult& result : reports.thresholds)
        if (result.verdict == Verdict::failed) text += (text.empty() ? "" : "; ") + result.text;
    if (!text.empty()) return failed(model::Cause::policy, text.substr(0, 4000));
    return std::nullopt;
}

}  // namespace sluice::reports
