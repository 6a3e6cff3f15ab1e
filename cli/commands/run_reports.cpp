// run reports: what the tools of a run found, beside what they found before.
#include "cli/commands/commands.hpp"
#include "cli/commands/report_text.hpp"
#include "cli/json_view.hpp"
#include "cli/usage.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

json::Value to_json(std::int64_t run, const std::vector<JobReports>& jobs) {
    json::Array list;
    for (const JobReports& job : jobs)
        list.push_back(json::Object{{"key", job.key},
                                    {"job_id", job.job},
                                    {"reports", job.reports},
                                    {"comparison", job.comparison}});
    return json::Object{{"run_id", run}, {"jobs", std::move(list)}};
}

Result<Exit> reports(Context& context, std::int64_t run, const std::string& only) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto detail, server->get(fmt::format("/api/v1/runs/{}", run)));
    SLUICE_TRY(const auto jobs, reports_of(*server, items_of(detail, "jobs"), only));
    if (jobs.empty() && !only.empty())
        return error(Code::not_found, "no_reports",
                     fmt::format("run {} has no job '{}' with reports", run, only));
    Result<> printed;
    context.show(to_json(run, jobs), [&] {
        if (jobs.empty()) context.out.line(fmt::format("run {} has no reports", run));
        bool first = true;
        for (const JobReports& job : jobs) {
            if (!std::exchange(first, false)) context.out.line();
            if (printed) printed = print_reports(context.out, *server, job);
        }
    });
    SLUICE_CHECK(printed);
    return Exit::ok;
}

}  // namespace

void add_run_reports_command(CLI::App& run, Command& chosen) {
    auto* command = run.add_subcommand(
        "reports", "Tests, findings, coverage and metrics of a run, compared with the merge base");
    auto id = std::make_shared<std::int64_t>();
    auto job = std::make_shared<std::string>();
    command->add_option("RUN", *id, "Id of the run")->required()->type_name("")->check(id_of_run());
    command->add_option("JOB", *job, "Only this job")->type_name("");
    command->callback([&chosen, id, job] {
        chosen = [id, job](Context& context) { return reports(context, *id, *job); };
    });
}

}  // namespace sluice::cli
