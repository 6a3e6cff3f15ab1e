// render: the pipeline as the planner sees it: templates, defaults and matrix expanded, expressions
// evaluated.
#include "cli/commands/commands.hpp"
#include "cli/diagnostic_view.hpp"
#include "cli/json_view.hpp"
#include "cli/local/event_options.hpp"
#include "cli/term/yaml_text.hpp"

namespace sluice::cli {
namespace {

struct RenderOptions {
    std::string file;
    local::EventOptions event;
};

Result<local::Pipeline> read(const RenderOptions& options, Timestamp now) {
    if (options.file.empty()) {
        SLUICE_TRY(auto checkout, local::read_checkout());
        return local::plan_checkout(checkout, options.event, 1, now);
    }
    if (!options.event.commit.empty() || !options.event.changed_from.empty())
        return usage_error("--commit and --changed-from need a checkout, not a file");
    SLUICE_TRY(auto sets, find_config({options.file}));
    return local::plan_files(std::move(sets.front()), options.event, now);
}

/// Jobs by id: what reads as the file did.
json::Value jobs_by_id(const plan::Plan& plan) {
    json::Object jobs;
    for (const plan::PlannedJob& job : plan.jobs) {
        json::Object whole = plan::to_json(job).as_object();
        json::Object out;
        for (auto& member : whole["spec"].as_object()) out[member.key()] = member.value();
        for (auto& member : whole)
            if (member.key() != "spec") out[member.key()] = member.value();
        out.erase("id");
        jobs[job.spec.id] = std::move(out);
    }
    return jobs;
}

Result<Exit> render(Context& context, const RenderOptions& options) {
    SLUICE_TRY(auto pipeline, read(options, context.clock.now()));
    print_diagnostics(context.err, pipeline.files, pipeline.outcome.diagnostics);
    if (config::has_errors(pipeline.outcome.diagnostics)) return Exit::negative;
    json::Object out{{"event", to_json(pipeline.input.event)}};
    if (pipeline.outcome.plan) {
        out["jobs"] = jobs_by_id(*pipeline.outcome.plan);
        out["gates"] = plan::to_json(*pipeline.outcome.plan).at("gates");
    } else {
        out["jobs"] = json::Object{};
    }
    context.out.write(context.globals.json ? pretty(out) : to_yaml(out));
    return Exit::ok;
}

}  // namespace

void add_render_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand(
        "render", "The plan of an event: defaults, templates, matrix and expressions resolved");
    auto options = std::make_shared<RenderOptions>();
    sub->add_option("FILE", options->file,
                    "A folder or file; - is standard input; default: this checkout")
        ->type_name("");
    local::add_event_options(
        *sub, options->event,
        {"push", "pull_request", "tag", "merge_queue", "schedule", "manual", "dataset"});
    local::add_more_event_options(*sub, options->event);
    sub->footer("YAML, or JSON with --json. Exits 1 when the files have errors.");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return render(context, *options); };
    });
}

}  // namespace sluice::cli
