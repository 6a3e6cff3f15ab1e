#include "pipelines/model/outcome.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::model {
namespace {

constexpr int k_max_int = std::numeric_limits<int>::max();

json::Value optional_int(const std::optional<int>& value) {
    if (!value) return nullptr;
    return *value;
}

json::Value test_case_to_json(const TestCase& test) {
    return json::Object{{"suite", wire::text(test.suite)},     {"name", wire::text(test.name)},
                        {"state", wire::text_of(test.state)},  {"duration_ms", test.duration_ms},
                        {"message", wire::text(test.message)}, {"detail", wire::text(test.detail)},
                        {"file", wire::text(test.file)},       {"line", test.line}};
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
    test.line = static_cast<int>(in.integer_or("line", 0, 0, k_max_int));
    SLUICE_CHECK(in.finish_strict());
    return test;
}

json::Value test_report_to_json(const TestReport& report) {
    json::Array failures;
    failures.reserve(report.failures.size());
    for (const TestCase& test : report.failures) failures.push_back(test_case_to_json(test));
    return json::Object{{"total", report.total},           {"passed", report.passed},
                        {"failed", report.failed},         {"errored", report.errored},
                        {"skipped", report.skipped},       {"duration_ms", report.duration_ms},
                        {"failures", std::move(failures)}, {"truncated", report.truncated}};
}

Result<TestReport> test_report_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    TestReport report;
    report.total = static_cast<int>(in.integer("total", 0, k_max_int));
    report.passed = static_cast<int>(in.integer("passed", 0, k_max_int));
    report.failed = static_cast<int>(in.integer("failed", 0, k_max_int));
    report.errored = static_cast<int>(in.integer("errored", 0, k_max_int));
    report.skipped = static_cast<int>(in.integer("skipped", 0, k_max_int));
    report.duration_ms = in.integer_or("duration_ms", 0, 0, wire::k_max_integer);
    SLUICE_TRY(report.failures, wire::list<TestCase>(in, "failures", 1000, test_case_from_json));
    report.truncated = in.boolean_or("truncated", false);
    SLUICE_CHECK(in.finish_strict());
    return report;
}

}  // namespace

json::Value to_json(const Outcome& outcome) {
    return json::Object{{"result", wire::text_of(outcome.result)},
                        {"exit_code", optional_int(outcome.exit_code)},
                        {"signal", optional_int(outcome.signal)},
                        {"cause", wire::text_of(outcome.cause)},
                        {"message", wire::text(outcome.message)}};
}

Result<Outcome> outcome_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Outcome outcome;
    outcome.result = wire::enum_required<AttemptResult>(in, "result");
    outcome.exit_code = wire::int_or_null(in, "exit_code", -k_max_int, k_max_int);
    outcome.signal = wire::int_or_null(in, "signal", 0, 255);
    outcome.cause = wire::enum_or(in, "cause", Cause::none);
    outcome.message = in.string_or("message", "", 4096);
    SLUICE_CHECK(in.finish_strict());
    return outcome;
}

json::Value to_json(const StepStatus& step) {
    return json::Object{{"name", wire::text(step.name)},
                        {"state", wire::text_of(step.state)},
                        {"exit_code", optional_int(step.exit_code)},
                        {"log_begin", step.log_begin},
                        {"log_end", step.log_end},
                        {"duration_ms", step.duration_ms}};
}

Result<StepStatus> step_status_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    StepStatus step;
    step.name = in.string("name");
    step.state = wire::enum_required<StepState>(in, "state");
    step.exit_code = wire::int_or_null(in, "exit_code", -k_max_int, k_max_int);
    step.log_begin = in.integer_or("log_begin", 0, 0, wire::k_max_bytes);
    step.log_end = in.integer_or("log_end", 0, 0, wire::k_max_bytes);
    step.duration_ms = in.integer_or("duration_ms", 0, 0, wire::k_max_integer);
    SLUICE_CHECK(in.finish_strict());
    return step;
}

json::Value to_json(const Reports& reports) {
    json::Object out;
    if (reports.tests) out["tests"] = test_report_to_json(*reports.tests);
    if (!reports.problems.empty()) out["problems"] = wire::strings(reports.problems);
    return out;
}

Result<Reports> reports_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Reports reports;
    if (const json::Value* tests = in.find("tests")) {
        SLUICE_TRY(reports.tests, test_report_from_json(*tests, in.pointer("tests")));
    }
    reports.problems = in.strings_or_empty("problems", 1000);
    SLUICE_CHECK(in.finish_strict());
    return reports;
}

}  // namespace sluice::model
