#include "pipelines/model/reports.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::model {
namespace {

constexpr int k_max_int = std::numeric_limits<int>::max();

int count(json::ObjectReader& in, std::string_view key) {
    return static_cast<int>(in.integer_or(key, 0, 0, k_max_int));
}

std::optional<double> number_or_null(json::ObjectReader& in, std::string_view key) {
    const json::Value* value = in.find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) {
        in.fail(key, "a number is required");
        return std::nullopt;
    }
    return value->to_number<double>();
}

template <class T>
json::Value or_null(const std::optional<T>& value) {
    if (!value) return nullptr;
    return *value;
}

// Known to list_to_json: argument-dependent lookup does not see into this namespace.
json::Value to_json(const FixEdit& edit);
json::Value to_json(const ThresholdResult& result);
json::Value to_json(const ReportFile& file);

template <class T>
json::Array list_to_json(const std::vector<T>& items) {
    json::Array out;
    out.reserve(items.size());
    for (const T& item : items) out.push_back(to_json(item));
    return out;
}

json::Value to_json(const TestReport& report) {
    json::Object out{{"total", report.total},
                     {"passed", report.passed},
                     {"failed", report.failed},
                     {"errored", report.errored},
                     {"skipped", report.skipped},
                     {"flaky", report.flaky},
                     {"duration_ms", report.duration_ms},
                     {"failures", list_to_json(report.failures)},
                     {"truncated", report.truncated}};
    if (!report.flaky_cases.empty()) out["flaky_cases"] = list_to_json(report.flaky_cases);
    if (!report.slowest.empty()) out["slowest"] = list_to_json(report.slowest);
    return out;
}

Result<TestReport> test_report_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    TestReport report;
    report.total = static_cast<int>(in.integer("total", 0, k_max_int));
    report.passed = static_cast<int>(in.integer("passed", 0, k_max_int));
    report.failed = static_cast<int>(in.integer("failed", 0, k_max_int));
    report.errored = static_cast<int>(in.integer("errored", 0, k_max_int));
    report.skipped = static_cast<int>(in.integer("skipped", 0, k_max_int));
    report.flaky = count(in, "flaky");
    report.duration_ms = in.integer_or("duration_ms", 0, 0, wire::k_max_integer);
    SLUICE_TRY(report.failures, wire::list<TestCase>(in, "failures", 1000, test_case_from_json));
    SLUICE_TRY(report.flaky_cases,
               wire::list<TestCase>(in, "flaky_cases", 100, test_case_from_json));
    SLUICE_TRY(report.slowest, wire::list<TestCase>(in, "slowest", 10, test_case_from_json));
    report.truncated = in.boolean_or("truncated", false);
    SLUICE_CHECK(in.finish_strict());
    return report;
}

json::Value to_json(const FixEdit& edit) {
    return json::Object{{"file", wire::text(edit.file)}, {"line", edit.line},
                        {"column", edit.column},         {"end_line", edit.end_line},
                        {"end_column", edit.end_column}, {"text", wire::text(edit.text)}};
}

Result<FixEdit> fix_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    FixEdit edit;
    edit.file = in.string_or("file", "");
    edit.line = count(in, "line");
    edit.column = count(in, "column");
    edit.end_line = count(in, "end_line");
    edit.end_column = count(in, "end_column");
    edit.text = in.string_or("text", "");
    SLUICE_CHECK(in.finish_strict());
    return edit;
}

json::Value to_json(const FindingReport& report) {
    json::Object tools;
    for (const auto& [tool, findings] : report.by_tool) tools[tool] = findings;
    return json::Object{{"total", report.total},
                        {"errors", report.errors},
                        {"warnings", report.warnings},
                        {"notes", report.notes},
                        {"added", or_null(report.added)},
                        {"fixed", or_null(report.fixed)},
                        {"compared", wire::text(report.compared)},
                        {"by_tool", std::move(tools)},
                        {"annotations", list_to_json(report.annotations)},
                        {"truncated", report.truncated}};
}

Result<FindingReport> finding_report_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    FindingReport report;
    report.total = count(in, "total");
    report.errors = count(in, "errors");
    report.warnings = count(in, "warnings");
    report.notes = count(in, "notes");
    report.added = wire::int_or_null(in, "added", 0, k_max_int);
    report.fixed = wire::int_or_null(in, "fixed", 0, k_max_int);
    report.compared = in.string_or("compared", "", 4096);
    if (const json::Value* tools = in.find("by_tool")) {
        json::ObjectReader counts(*tools, in.pointer("by_tool"));
        if (tools->is_object())
            for (const auto& member : tools->as_object())
                report.by_tool[std::string(member.key())] = count(counts, member.key());
        SLUICE_CHECK(counts.finish());
    }
    SLUICE_TRY(report.annotations, wire::list<Finding>(in, "annotations", 50, finding_from_json));
    report.truncated = in.boolean_or("truncated", false);
    SLUICE_CHECK(in.finish_strict());
    return report;
}

json::Value to_json(const CoverageReport& report) {
    return json::Object{{"lines", report.lines},
                        {"lines_covered", report.lines_covered},
                        {"branches", report.branches},
                        {"branches_covered", report.branches_covered},
                        {"files", report.files},
                        {"changed_lines", or_null(report.changed_lines)},
                        {"changed_covered", or_null(report.changed_covered)}};
}

Result<CoverageReport> coverage_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    CoverageReport report;
    report.lines = in.integer_or("lines", 0, 0, wire::k_max_integer);
    report.lines_covered = in.integer_or("lines_covered", 0, 0, wire::k_max_integer);
    report.branches = in.integer_or("branches", 0, 0, wire::k_max_integer);
    report.branches_covered = in.integer_or("branches_covered", 0, 0, wire::k_max_integer);
    report.files = count(in, "files");
    report.changed_lines = wire::integer_or_null(in, "changed_lines", 0, wire::k_max_integer);
    report.changed_covered = wire::integer_or_null(in, "changed_covered", 0, wire::k_max_integer);
    SLUICE_CHECK(in.finish_strict());
    return report;
}

json::Value to_json(const ThresholdResult& result) {
    return json::Object{{"metric", wire::text(result.metric)},
                        {"verdict", wire::text_of(result.verdict)},
                        {"value", or_null(result.value)},
                        {"base", or_null(result.base)},
                        {"text", wire::text(result.text)}};
}

Result<ThresholdResult> threshold_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ThresholdResult result;
    result.metric = in.string("metric", 1024);
    result.verdict = wire::enum_required<Verdict>(in, "verdict");
    result.value = number_or_null(in, "value");
    result.base = number_or_null(in, "base");
    result.text = in.string_or("text", "", 4096);
    SLUICE_CHECK(in.finish_strict());
    return result;
}

json::Value to_json(const ReportFile& file) {
    return json::Object{
        {"name", wire::text(file.name)}, {"sha256", wire::text(file.sha256)}, {"size", file.size}};
}

Result<ReportFile> report_file_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ReportFile file;
    file.name = in.string("name", 64);
    file.sha256 = in.string("sha256", 64);
    file.size = in.integer("size", 0, wire::k_max_bytes);
    SLUICE_CHECK(in.finish_strict());
    return file;
}

}  // namespace

json::Value to_json(const TestCase& test) {
    json::Object out{{"suite", wire::text(test.suite)},     {"name", wire::text(test.name)},
                     {"state", wire::text_of(test.state)},  {"duration_ms", test.duration_ms},
                     {"message", wire::text(test.message)}, {"detail", wire::text(test.detail)},
                     {"file", wire::text(test.file)},       {"line", test.line}};
    if (test.attempts != 1) out["attempts"] = test.attempts;
    if (test.flaky) out["flaky"] = true;
    return out;
}

Result<TestCase> test_case_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    TestCase test;
    test.suite = in.string_or("suite", "");
    test.name = in.string("name");
    test.state = wire::enum_required<TestState>(in, "state");
    test.duration_ms = in.integer_or("duration_ms", 0, 0, wire::k_max_integer);
    test.message = in.string_or("message", "");
    test.detail = in.string_or("detail", "");
    test.file = in.string_or("file", "");
    test.line = count(in, "line");
    test.attempts = static_cast<int>(in.integer_or("attempts", 1, 1, 1000));
    test.flaky = in.boolean_or("flaky", false);
    SLUICE_CHECK(in.finish_strict());
    return test;
}

json::Value to_json(const Finding& finding) {
    json::Object out{{"tool", wire::text(finding.tool)},
                     {"rule", wire::text(finding.rule)},
                     {"severity", wire::text_of(finding.severity)},
                     {"message", wire::text(finding.message)},
                     {"file", wire::text(finding.file)},
                     {"line", finding.line},
                     {"column", finding.column}};
    if (finding.end_line > 0) out["end_line"] = finding.end_line;
    if (finding.end_column > 0) out["end_column"] = finding.end_column;
    if (!finding.fixes.empty()) out["fixes"] = list_to_json(finding.fixes);
    if (!finding.line_key.empty()) out["line_key"] = wire::text(finding.line_key);
    if (!finding.fingerprint.empty()) out["fingerprint"] = wire::text(finding.fingerprint);
    if (finding.is_new) out["is_new"] = *finding.is_new;
    if (finding.fixed) out["fixed"] = true;
    return out;
}

Result<Finding> finding_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Finding finding;
    finding.tool = in.string_or("tool", "", 256);
    finding.rule = in.string_or("rule", "", 1024);
    finding.severity = wire::enum_or(in, "severity", Severity::warning);
    finding.message = in.string("message");
    finding.file = in.string_or("file", "", 4096);
    finding.line = count(in, "line");
    finding.column = count(in, "column");
    finding.end_line = count(in, "end_line");
    finding.end_column = count(in, "end_column");
    SLUICE_TRY(finding.fixes, wire::list<FixEdit>(in, "fixes", 100, fix_from_json));
    finding.line_key = in.string_or("line_key", "", 64);
    finding.fingerprint = in.string_or("fingerprint", "", 64);
    if (in.find("is_new") != nullptr) finding.is_new = in.boolean_or("is_new", false);
    finding.fixed = in.boolean_or("fixed", false);
    SLUICE_CHECK(in.finish_strict());
    return finding;
}

json::Value to_json(const Reports& reports) {
    json::Object out;
    if (reports.tests) out["tests"] = to_json(*reports.tests);
    if (reports.findings) out["findings"] = to_json(*reports.findings);
    if (reports.coverage) out["coverage"] = to_json(*reports.coverage);
    if (!reports.metrics.empty()) {
        json::Object metrics;
        for (const auto& [name, value] : reports.metrics) metrics[name] = value;
        out["metrics"] = std::move(metrics);
    }
    if (!reports.thresholds.empty()) out["thresholds"] = list_to_json(reports.thresholds);
    if (!reports.files.empty()) out["files"] = list_to_json(reports.files);
    if (!reports.problems.empty()) out["problems"] = wire::strings(reports.problems);
    return out;
}

Result<Reports> reports_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Reports reports;
    if (const json::Value* tests = in.find("tests")) {
        SLUICE_TRY(reports.tests, test_report_from_json(*tests, in.pointer("tests")));
    }
    if (const json::Value* findings = in.find("findings")) {
        SLUICE_TRY(reports.findings, finding_report_from_json(*findings, in.pointer("findings")));
    }
    if (const json::Value* coverage = in.find("coverage")) {
        SLUICE_TRY(reports.coverage, coverage_from_json(*coverage, in.pointer("coverage")));
    }
    if (const json::Value* metrics = in.find("metrics")) {
        json::ObjectReader numbers(*metrics, in.pointer("metrics"));
        if (metrics->is_object() && metrics->as_object().size() > 1000)
            in.fail("metrics", "more than 1000 metrics");
        if (metrics->is_object())
            for (const auto& member : metrics->as_object())
                if (const auto number = number_or_null(numbers, member.key()))
                    reports.metrics[std::string(member.key())] = *number;
        SLUICE_CHECK(numbers.finish());
    }
    SLUICE_TRY(reports.thresholds,
               wire::list<ThresholdResult>(in, "thresholds", 1000, threshold_from_json));
    SLUICE_TRY(reports.files, wire::list<ReportFile>(in, "files", 16, report_file_from_json));
    reports.problems = in.strings_or_empty("problems", 1000);
    SLUICE_CHECK(in.finish_strict());
    return reports;
}

}  // namespace sluice::model
