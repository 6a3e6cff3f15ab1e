// schedule list, run.
#include "cli/commands/commands.hpp"
#include "cli/commands/common_options.hpp"
#include "cli/json_view.hpp"
#include "cli/named.hpp"
#include "cli/term/text.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

std::string path_of(const std::string& project) {
    return "/api/v1/projects/" + path_part(project) + "/schedules";
}

/// `2026-03-29 02:30`, the time that the schedule's own clock shows.
std::string nominal(const json::Value& tick) {
    return text_of(tick, "date") + " " + text_of(tick, "time");
}

std::string last_run(const json::Value& schedule) {
    const json::Value& run = member(schedule, "last_run");
    const auto number = number_of(run, "number");
    return number ? fmt::format("#{} {}", *number, text_of(run, "state")) : "none";
}

std::string next_of(const json::Value& schedule) {
    const std::string problem = text_of(schedule, "problem");
    return problem.empty() ? text_of(schedule, "next_at") : "never: " + problem;
}

void print_schedules(const Context& context, const json::Value& reply) {
    Table table({"ID", "NAME", "CRON", "TIMEZONE", "NEXT", "LAST RUN"});
    for (const auto& schedule : items_of(reply, "schedules"))
        table.row({std::to_string(number_of(schedule, "id").value_or(0)), text_of(schedule, "name"),
                   text_of(schedule, "cron"), text_of(schedule, "timezone"), next_of(schedule),
                   last_run(schedule)});
    table.print(context.out, "no schedules: the default branch's `on` has none");
    for (const auto& schedule : items_of(reply, "schedules"))
        for (const auto& tick : items_of(schedule, "ticks")) {
            const std::string state = text_of(tick, "state");
            if (state == "fired") continue;
            context.out.line(fmt::format(
                "{} {}: {}{}", printable(text_of(schedule, "name")), nominal(tick),
                state == "due" ? "waits" : state,
                text_of(tick, "reason").empty() ? "" : ", " + printable(text_of(tick, "reason"))));
        }
}

Result<Exit> list(Context& context, const std::string& named) {
    SLUICE_TRY(auto project, context.project_or_detect(named));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    context.show(reply, [&] { print_schedules(context, reply); });
    return Exit::ok;
}

struct RunOptions {
    std::string name;
    std::string project;
};

Result<Exit> run(Context& context, const RunOptions& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    SLUICE_TRY(const auto* schedule,
               find_named(items_of(reply, "schedules"),
                          {.what = "schedule", .name = options.name, .where = project}));
    const auto id = number_of(*schedule, "id").value_or(0);
    SLUICE_TRY(auto fired,
               server->post(fmt::format("/api/v1/schedules/{}/run", id), json::Object{}));
    context.show(fired, [&] {
        context.out.line(fmt::format("run {} ({} #{})", number_of(fired, "id").value_or(0),
                                     printable(text_of(fired, "project")),
                                     number_of(fired, "number").value_or(0)));
    });
    return Exit::ok;
}

}  // namespace

void add_schedule_commands(CLI::App& app, Command& chosen) {
    auto* schedule = app.add_subcommand("schedule", "Runs by the clock");
    schedule->require_subcommand(1);

    auto* listing = schedule->add_subcommand(
        "list", "When each fires next, its last run, and ticks that wait or were skipped");
    auto project = std::make_shared<std::string>();
    add_project_argument(*listing, *project);
    listing->callback([&chosen, project] {
        chosen = [project](Context& context) { return list(context, *project); };
    });

    auto* running = schedule->add_subcommand("run", "Fire a schedule now");
    auto options = std::make_shared<RunOptions>();
    running->add_option("NAME", options->name, "The schedule")->required()->type_name("");
    add_project_option(*running, options->project);
    running->callback([&chosen, options] {
        chosen = [options](Context& context) { return run(context, *options); };
    });
}

}  // namespace sluice::cli
