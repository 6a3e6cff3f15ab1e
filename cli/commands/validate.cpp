// validate: the same planner as the server's, on files of this machine; no server needed.
#include "cli/commands/commands.hpp"
#include "cli/config_files.hpp"
#include "cli/diagnostic_view.hpp"
#include "cli/git.hpp"
#include "cli/json_view.hpp"
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
    plan::Input input;
    input.files = set.files;
    input.fragments = set.fragments;
    input.project_name = "project";
    input.run_number = 1;
    plan::EventPlans plans(std::move(input));
    for (auto kind :
         {model::EventKind::push, model::EventKind::tag, model::EventKind::pull_request,
          model::EventKind::merge_queue, model::EventKind::schedule, model::EventKind::manual}) {
        model::Event event = imagined(kind);
        auto outcome = plans.plan(event);
        // The event that somebody may start one day: any schedule, params that fit.
        const bool wants_schedule =
            kind == model::EventKind::schedule && outcome.schedules && !outcome.schedules->empty();
        if (wants_schedule) {
            const auto& schedule = outcome.schedules->front();
            event.schedule = model::ScheduleTick{schedule.name, "2026-01-01", "00:00"};
            event.params = schedule.params;
        }
        if (kind == model::EventKind::manual) event.params = plan::stand_ins(outcome.params);
        if (wants_schedule || !event.params.empty()) outcome = plans.plan(event);
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

/// `2 errors, 1 warning`
std::string tally(const std::vector<config::Diagnostic>& diagnostics) {
    const auto errors = std::count_if(diagnostics.begin(), diagnostics.end(), [](const auto& d) {
        return d.severity == config::Severity::error;
    });
    const auto warnings = static_cast<std::ptrdiff_t>(diagnostics.size()) - errors;
    const auto some = [](std::ptrdiff_t n, std::string_view word) {
        return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
    };
    if (errors == 0) return some(warnings, "warning");
    return some(errors, "error") + (warnings == 0 ? "" : ", " + some(warnings, "warning"));
}

void print(const Terminal& out, const ConfigSet& set, const Verdict& verdict) {
    print_diagnostics(out, set, verdict.diagnostics);
    if (config::has_errors(verdict.diagnostics)) {
        out.line(tally(verdict.diagnostics));
        return;
    }
    std::string events;
    for (const auto& [kind, count] : verdict.jobs)
        events += fmt::format("{}{} on {}", events.empty() ? "" : ", ", count, to_text(kind));
    const bool warned = !verdict.diagnostics.empty();
    out.line(fmt::format("{}: {}  jobs: {}", set.shown.front(),
                         warned ? out.paint(Colour::yellow, tally(verdict.diagnostics))
                                : out.paint(Colour::green, "ok"),
                         events.empty() ? "none on any event" : events));
}

json::Value to_json(const ConfigSet& set, const Verdict& verdict) {
    json::Array diagnostics;
    for (auto diagnostic : verdict.diagnostics) {
        diagnostic.file = set.shown_as(diagnostic.file);
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

struct ValidateOptions {
    std::vector<std::string> files;
    bool strict = false;
    bool sarif = false;
};

Result<Exit> validate(Context& context, const ValidateOptions& options) {
    SLUICE_TRY(auto sets, find_config(options.files));
    bool valid = true, warned = false;
    json::Array all;
    std::vector<config::Diagnostic> said;
    for (const auto& set : sets) {
        Verdict verdict = judge(set);
        valid = valid && !config::has_errors(verdict.diagnostics);
        warned = warned || !verdict.diagnostics.empty();
        if (options.sarif) {
            for (auto& diagnostic : verdict.diagnostics) {
                diagnostic.file = set.shown_as(diagnostic.file);
                said.push_back(std::move(diagnostic));
            }
        } else if (context.globals.json) {
            all.push_back(to_json(set, verdict));
        } else {
            print(context.out, set, verdict);
        }
    }
    if (options.sarif) {
        context.out.write(pretty(to_sarif(said)));
    } else if (context.globals.json) {
        context.out.write(pretty(json::Object{{"valid", valid}, {"pipelines", std::move(all)}}));
    }
    return valid && !(options.strict && warned) ? Exit::ok : Exit::negative;
}

}  // namespace

void add_validate_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("validate", "Check .ci.yml without a server; exits 1 on errors");
    auto options = std::make_shared<ValidateOptions>();
    sub->add_option("FILE", options->files,
                    "Folders or files; - is standard input; default: this checkout")
        ->type_name("");
    sub->add_flag("--strict", options->strict, "Exit 1 on warnings too");
    sub->add_flag("--sarif", options->sarif, "SARIF 2.1.0, for forges and editors");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return validate(context, *options); };
    });
}

}  // namespace sluice::cli
