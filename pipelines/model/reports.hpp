#pragma once
/// What the tools of a job found, as one typed form for all of them: findings of linters, tests,
/// coverage, metrics, verdicts of thresholds. `Reports` is the summary that travels with the
/// finish of an attempt; the full lists are files of their own (pipelines/reports/report_file.hpp).
/// Pure values.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::model {

// ---- tests

/// Result of one test case of a report.
enum class TestState { passed, failed, errored, skipped };

struct TestCase {
    std::string suite;
    std::string name;
    TestState state = TestState::passed;  ///< of the last attempt
    std::int64_t duration_ms = 0;
    std::string message;  ///< first line of the failure; of a flaky test, of its first failure
    std::string detail;   ///< the failure text, cut at 16 KiB
    std::string file;     ///< where it failed, "" when the report does not tell
    int line = 0;         ///< 1-based, 0 when unknown
    int attempts = 1;     ///< how often it ran within the job
    bool flaky = false;   ///< failed, then passed on the same commit
    bool operator==(const TestCase&) const = default;
};

/// Totals of a job's tests, and the cases that people look at (passed ones are only counted).
struct TestReport {
    int total = 0, passed = 0, failed = 0, errored = 0, skipped = 0;
    int flaky = 0;  ///< of the passed ones
    std::int64_t duration_ms = 0;
    std::vector<TestCase> failures;     ///< failed and errored, at most 1,000
    std::vector<TestCase> flaky_cases;  ///< at most 100
    std::vector<TestCase> slowest;      ///< at most 10, slowest first, without texts
    bool truncated = false;             ///< more failures than listed
    bool operator==(const TestReport&) const = default;
};

// ---- findings

/// As SARIF has them. `note` holds what tools call info, style, convention, refactor.
enum class Severity { note, warning, error };

/// A replacement that a tool proposes. Lines and columns are 1-based, the end is exclusive.
struct FixEdit {
    std::string file;
    int line = 0, column = 0, end_line = 0, end_column = 0;
    std::string text;
    bool operator==(const FixEdit&) const = default;
};

/// Something that a tool says about a place in the source.
struct Finding {
    std::string tool;
    std::string rule;  ///< the tool's own name of it: `F401`, `bugprone-use-after-move`; may be ""
    Severity severity = Severity::warning;
    std::string message;
    std::string file;                  ///< relative to the workspace, "" when it is about no file
    int line = 0, column = 0;          ///< 1-based, 0 when unknown
    int end_line = 0, end_column = 0;  ///< the end is exclusive; 0 when unknown
    std::vector<FixEdit> fixes;
    /// Hash of tool, rule and the line's text without its spaces; "" when the text is unknown.
    std::string line_key;
    /// As line_key, and of the lines around it: finds a finding again after its lines moved.
    std::string fingerprint;
    /// Did the change add it? Nothing: not compared.
    std::optional<bool> is_new;
    /// It stood in the base and is gone; listed in the full report only, behind what is there.
    bool fixed = false;
    bool operator==(const Finding&) const = default;
};

/// Counts of all findings, and the first of them as annotations.
struct FindingReport {
    int total = 0, errors = 0, warnings = 0, notes = 0;
    /// Compared with the target branch; nothing when nothing was compared.
    std::optional<int> added, fixed;
    std::string compared;  ///< with what, or why not, in a sentence for people
    std::map<std::string, int> by_tool;
    std::vector<Finding> annotations;  ///< at most 50, new and severe ones first
    bool truncated = false;            ///< more findings than were kept
    bool operator==(const FindingReport&) const = default;
};

// ---- coverage

struct CoverageReport {
    std::int64_t lines = 0, lines_covered = 0;        ///< lines that can be covered
    std::int64_t branches = 0, branches_covered = 0;  ///< 0 of 0: the tool counts no branches
    int files = 0;
    /// Of the lines that the change touched; nothing when the changed lines are unknown.
    std::optional<std::int64_t> changed_lines, changed_covered;
    bool operator==(const CoverageReport&) const = default;
};

// ---- verdicts

enum class Verdict { passed, warned, failed };

/// One threshold, evaluated.
struct ThresholdResult {
    std::string metric;
    Verdict verdict = Verdict::passed;
    std::optional<double> value, base;
    std::string text;  ///< `coverage.changed is 71.4 %, the minimum is 80 %`
    bool operator==(const ThresholdResult&) const = default;
};

/// A full report that was uploaded beside the log.
struct ReportFile {
    std::string name;    ///< findings, tests, coverage
    std::string sha256;  ///< of the bytes as uploaded (zstd)
    std::int64_t size = 0;
    bool operator==(const ReportFile&) const = default;
};

/// The typed reports of a job; absent members were not produced.
struct Reports {
    std::optional<TestReport> tests;
    std::optional<FindingReport> findings;
    std::optional<CoverageReport> coverage;
    std::map<std::string, double> metrics;  ///< of `reports: {metrics: …}`, at most 1,000
    std::vector<ThresholdResult> thresholds;
    std::vector<ReportFile> files;
    std::vector<std::string> problems;  ///< "reports.junit: out/junit.xml: no such file"
    bool operator==(const Reports&) const = default;
};

json::Value to_json(const TestCase& test);
json::Value to_json(const Finding& finding);
json::Value to_json(const Reports& reports);
Result<TestCase> test_case_from_json(const json::Value& value, std::string pointer);
Result<Finding> finding_from_json(const json::Value& value, std::string pointer);
Result<Reports> reports_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::TestState, "passed", "failed", "errored", "skipped");
SLUICE_ENUM_NAMES(model::Severity, "note", "warning", "error");
SLUICE_ENUM_NAMES(model::Verdict, "passed", "warned", "failed");
}  // namespace sluice
