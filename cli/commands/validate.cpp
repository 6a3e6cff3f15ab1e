// validate: the same planner as the server's, on files of this machine; no server needed.
#include "cli/commands/commands.hpp"
#include "cli/config_files.hpp"
#include "cli/git.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"
#include "pipelines/plan/params.hpp"
#include "pipelines/plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace sluice::cli {
namespace {

/// Selected jobs of each event that brings any, and the diagnostics of all.
struct Verdict {
    std::vector<config::Diagnostic> diagnostics;
    std::vector<std::pair<model::EventKind, std::size_t>> jobs;
};

model::Event imagined(model::EventKind kind) {
    model::Event event;
    event.kind = kind;
    event.sha = std::string(40, 'a');
    if (kind == model::EventKind::tag) event.tag = "v1.0.0";
    if (kind == model::EventKind::push || kind == model::EventKind::manual ||
        kind == model::EventKind::schedule)
        event.branch = "main";
    if (kind == model::EventKind::push) event.old_sha = std::string(40, 'b');
    if (kind == model::EventKind::pull_request)
        event.pull_request =
            model::PullRequest{.number = 1, .source_branch = "change", .target_branch = "main"};
    return event;
}

Verdict judge(const ConfigSet& set) {
    Verdict verdict;
    for (auto kind :
         {model::EventKind::push, model::EventKind::tag, model::EventKind::pull_request,
          model::EventKind::merge_queue, model::EventKind::schedule, model::EventKind::manual}) {
        plan::Input input;
        input.event = imagined(kind);
        input.files = set.files;
        input.fragments = set.fragments;
        input.project_name = "project";
        input.run_number = 1;
        auto outcome = plan::make_plan(input);
        // The event that somebody may start one day: any schedule, params that fit.
        const bool wants_schedule =
            kind == model::EventKind::schedule && outcome.schedules && !outcome.schedules->empty();
        if (wants_schedule) {
            const auto& schedule = outcome.schedules->front();
            input.event.schedule = model::ScheduleTick{schedule.name, "2026-01-01", "00:00"};
            input.event.params = schedule.params;
        }
        if (kind == model::EventKind::manual) input.event.params = plan::stand_ins(outcome.params);
        if (wants_schedule || !input.event.params.empty()) outcome = plan::make_plan(input);
        std::erase_if(outcome.diagnostics,
                      [](const auto& told) { return told.id == "bad_param_value"; });
        for (auto& diagnostic : outcome.diagnostics)
            if (std::find(verdict.diagnostics.begin(), verdict.diagnostics.end(), diagnostic) ==
                verdict.diagnostics.end())
                verdict.diagnostics.push_back(std::move(diagnostic));
        if (!outcome.triggered || !outcome.plan) continue;
        auto selected = std::count_if(outcome.plan->jobs.begin(), outcome.plan->jobs.end(),
                                      [](const plan::PlannedJob& job) { return job.selected; });
        verdict.jobs.emplace_back(kind, static_cast<std::size_t>(selected));
    }
    return verdict;
}

/// The person's name of a file instead of the planner's, and its text.
struct Place {
    std::string shown;
    std::string_view text;
};
Place place_of(const ConfigSet& set, const std::string& path) {
    return {set.shown_as(path), set.text_of(path)};
}

void print(const Terminal& out, const ConfigSet& set, const Verdict& verdict) {
    for (auto diagnostic : verdict.diagnostics) {
        Place place = place_of(set, diagnostic.file);
        diagnostic.file = place.shown;
        std::string severity(to_text(diagnostic.severity));
        out.line(
            out.paint(Terminal::colour_of_state(severity), printable(config::format(diagnostic))));
        out.write(source_line(place.text, diagnostic.line, diagnostic.column));
    }
    if (config::has_errors(verdict.diagnostics)) return;
    std::string events;
    for (const auto& [kind, count] : verdict.jobs)
        events += fmt::format("{}{} on {}", events.empty() ? "" : ", ", count, to_text(kind));
    out.line(fmt::format("{}: {}  jobs: {}", set.shown.front(), out.paint(Colour::green, "ok"),
                         events.empty() ? "none on any event" : events));
}

json::Value to_json(const ConfigSet& set, const Verdict& verdict) {
    json::Array diagnostics;
    for (auto diagnostic : verdict.diagnostics) {
        diagnostic.file = place_of(set, diagnostic.file).shown;
        auto value = config::to_json(diagnostic);
        value.as_object()["text"] = config::format(diagnostic);
        diagnostics.push_back(std::move(value));
    }
    json::Object jobs;
    for (const auto& [kind, count] : verdict.jobs) jobs[to_text(kind)] = count;
    json::Array files(set.shown.begin(), set.shown.end());
    return json::Object{{"files", std::move(files)},
                        {"valid", !config::has_errors(verdict.diagnostics)},
                        {"diagnostics", std::move(diagnostics)},
                        {"jobs", std::move(jobs)}};
}

Result<Exit> validate(Context& context, const std::vector<std::string>& arguments) {
    SLUICE_TRY(auto sets, find_config(arguments));
    bool valid = true;
    json::Array all;
    for (const auto& set : sets) {
        Verdict verdict = judge(set);
        valid = valid && !config::has_errors(verdict.diagnostics);
        if (context.globals.json)
            all.push_back(to_json(set, verdict));
        else
            print(context.out, set, verdict);
    }
    if (context.globals.json)
        context.out.write(pretty(json::Object{{"valid", valid}, {"pipelines", std::move(all)}}));
    return valid ? Exit::ok : Exit::negative;
}

}  // namespace

void add_validate_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("validate", "Check .ci.yml without a server; exits 1 on errors");
    auto arguments = std::make_shared<std::vector<std::string>>();
    sub->add_option("FILE", *arguments,
                    "Folders or files; - is standard input; default: this checkout")
        ->type_name("");
    sub->callback([&chosen, arguments] {
        chosen = [arguments](Context& context) { return validate(context, *arguments); };
    });
}

}  // namespace sluice::cli
