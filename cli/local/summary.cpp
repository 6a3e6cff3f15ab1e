// The end of a local run: a table for people, an object for programs.
#include "cli/json_view.hpp"
#include "cli/local/run_view.hpp"
#include "cli/output_lines.hpp"
#include "cli/term/table.hpp"
#include "cli/term/text.hpp"
#include "pipelines/plan/outputs.hpp"

#include <fmt/format.h>

namespace sluice::cli::local {

namespace {

using model::JobState;

std::string tests_text(const JobRun& job) {
    if (!job.report || !job.report->reports.tests) return {};
    const model::TestReport& tests = *job.report->reports.tests;
    std::string text = fmt::format("{} tests", tests.total);
    if (tests.failed + tests.errored > 0)
        text += fmt::format(", {} failed", tests.failed + tests.errored);
    if (tests.skipped > 0) text += fmt::format(", {} skipped", tests.skipped);
    return text;
}

std::string joined(const std::string& first, const std::string& second) {
    return first.empty() || second.empty() ? first + second : first + "; " + second;
}

json::Value test_json(const model::TestCase& test) {
    json::Object out{{"suite", test.suite},     {"name", test.name}, {"state", to_text(test.state)},
                     {"message", test.message}, {"file", test.file}, {"line", test.line}};
    return out;
}

json::Value job_json(const JobRun& job) {
    json::Object out{{"id", job.planned.spec.id},
                     {"state", to_text(job.state)},
                     {"attempts", job.attempt},
                     {"seconds", static_cast<double>(job.milliseconds()) / 1000},
                     {"reason", job.reason}};
    if (!job.report) return out;
    const auto& report = *job.report;
    out["cause"] = to_text(report.outcome.cause);
    if (report.outcome.exit_code) out["exit_code"] = *report.outcome.exit_code;
    out["log"] = (job.dir / protocol::local_file::k_log).string();
    json::Array steps;
    for (const model::StepStatus& step : report.steps) steps.push_back(to_json(step));
    out["steps"] = std::move(steps);
    json::Object outputs;
    for (const auto& [name, value] : report.outputs) {
        const auto declared = job.planned.spec.outputs.find(name);
        if (declared != job.planned.spec.outputs.end())
            outputs[name] = plan::output_json(declared->second.type, value);
    }
    out["outputs"] = std::move(outputs);
    json::Array failures;
    if (report.reports.tests) {
        const model::TestReport& tests = *report.reports.tests;
        out["tests"] = json::Object{{"total", tests.total},
                                    {"passed", tests.passed},
                                    {"failed", tests.failed},
                                    {"errored", tests.errored},
                                    {"skipped", tests.skipped}};
        for (const model::TestCase& test : tests.failures) failures.push_back(test_json(test));
    }
    out["failures"] = std::move(failures);
    return out;
}

}  // namespace

void print_summary(const Terminal& out, const std::vector<JobRun>& jobs, model::RunState state,
                   std::int64_t milliseconds) {
    Table table({"JOB", "STATE", "TIME", ""});
    for (const JobRun& job : jobs) {
        const std::string why = job.state == JobState::passed ? "" : job.reason;
        table.row({job.planned.spec.id, Cell::state(std::string(to_text(job.state))),
                   job.attempt > 0 ? human_duration(job.milliseconds()) : "-",
                   joined(tests_text(job), why)});
    }
    out.line();
    out.write(table.render(out));
    for (const JobRun& job : jobs)
        if (job.report && !job.report->outputs.empty())
            print_outputs(out, job.planned.spec.id, member(job_json(job), "outputs"));
    out.line();
    out.line(out.paint_state(to_text(state)) + " in " + human_duration(milliseconds));
}

json::Value summary_json(const std::vector<JobRun>& jobs, model::RunState state,
                         std::int64_t milliseconds) {
    json::Array list;
    for (const JobRun& job : jobs) list.push_back(job_json(job));
    return json::Object{{"state", to_text(state)},
                        {"seconds", static_cast<double>(milliseconds) / 1000},
                        {"jobs", std::move(list)}};
}

}  // namespace sluice::cli::local
