// run [JOB…]: the pipeline on this machine, on the dirty tree, by the agent's own runner.
#include "cli/commands/commands.hpp"
#include "cli/diagnostic_view.hpp"
#include "cli/json_view.hpp"
#include "cli/local/event_options.hpp"
#include "cli/local/local_run.hpp"
#include "cli/local/run_view.hpp"
#include "cli/local/shell.hpp"
#include "cli/term/table.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <thread>

namespace sluice::cli {
namespace {

struct LocalOptions {
    std::vector<std::string> jobs;
    local::EventOptions event;
    std::vector<std::string> params;
    std::vector<std::string> secrets, secret_files;
    unsigned parallel = std::max(1U, std::thread::hardware_concurrency() / 2);
    bool no_needs = false, list = false, verbose = false, keep = false, shell = false;
};

std::string printable_lines(const std::string& text) {
    std::string out;
    for (const std::string& line : text::split(text, '\n'))
        out += (out.empty() ? "" : "\n") + printable(line);
    return out;
}

/// The person's mistakes and those in the files end with one code, and nothing ran.
Exit refuse(const Context& context, const Error& refusal) {
    if (context.globals.json)
        context.out.line(json::serialize(json::Object{
            {"error", refusal.id}, {"message", refusal.message}, {"where", refusal.where}}));
    context.err.line(context.err.paint(Colour::red, "error:") + " " +
                     printable_lines(refusal.message));
    return Exit::unknown;
}

json::Value diagnostics_json(const local::Pipeline& pipeline) {
    json::Array list;
    for (const config::Diagnostic& diagnostic : pipeline.outcome.diagnostics)
        list.push_back(config::to_json(diagnostic));
    return list;
}

Exit show_list(const Context& context, const local::Pipeline& pipeline,
               const std::vector<plan::PlannedJob>& jobs) {
    json::Array list;
    Table table({"JOB", "NEEDS", ""});
    for (const plan::PlannedJob& job : jobs) {
        std::string needs;
        for (const plan::Need& need : job.needs) needs += (needs.empty() ? "" : ", ") + need.job;
        const std::string note = job.selected ? job.late_if.empty() ? "" : "if " + job.late_if
                                              : "not needed: " + job.reason;
        table.row({Cell(job.spec.id, job.selected ? Colour::plain : Colour::dim), needs, note});
        list.push_back(json::Object{{"id", job.spec.id},
                                    {"selected", job.selected},
                                    {"reason", job.reason},
                                    {"needs", needs}});
    }
    if (context.globals.json) {
        context.out.write(pretty(json::Object{{"event", to_text(pipeline.input.event.kind)},
                                              {"jobs", std::move(list)}}));
        return Exit::ok;
    }
    context.out.line(local::describe(pipeline.input.event));
    context.out.write(table.render(context.out));
    return Exit::ok;
}

/// What this version cannot carry out never starts, here as on a server.
Result<> check_supported(const std::vector<plan::PlannedJob>& jobs) {
    std::string text;
    for (const plan::PlannedJob& job : jobs)
        for (const std::string& sentence : job.unsupported)
            if (job.selected) text += fmt::format("\n  {}: {}", job.spec.id, sentence);
    if (text.empty()) return {};
    return usage_error("this version cannot carry out:" + text +
                       "\nname the jobs to run, or add --no-needs");
}

/// A secret that no job asks for is a typing mistake; generated jobs name none but their
/// generator's.
Result<> check_named(const std::vector<plan::PlannedJob>& jobs,
                     const protocol::SecretValues& secrets) {
    std::vector<std::string> names;
    for (const plan::PlannedJob& job : jobs)
        for (std::string& name : local::secret_names(job.spec)) names.push_back(std::move(name));
    for (const auto& [name, value] : secrets.secrets) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        const auto near = text::nearest(name, names);
        return usage_error(fmt::format("no job that runs names the secret {}{}", printable(name),
                                       near ? "; did you mean '" + *near + "'?" : ""));
    }
    return {};
}

/// The first job that failed, for --shell.
void enter_failed_job(const Terminal& out, const std::vector<local::JobRun>& jobs) {
    for (const local::JobRun& job : jobs) {
        if (job.state != model::JobState::failed && job.state != model::JobState::errored) continue;
        auto command = local::command_of(job);
        if (!command) continue;
        const std::string id = printable(job.planned.spec.id);
        out.line(fmt::format("\nA shell in {} of {}; `exit` leaves it. The workspace goes with it.",
                             printable(command->directory), id));
        const model::StepSpec& step = job.planned.spec.steps.at(*job.telling_step());
        out.line(fmt::format("What failed there is step \"{}\"; the ↑ key brings it again.",
                             printable(step.name)));
        out.flush();
        const files::Path history = job.dir / "history";
        (void)files::write_atomic(history, step.run + "\n", 0600, false);
        if (auto opened = local::open_shell(*command, id, history.string()); !opened)
            out.line(opened.error().message);
        return;
    }
    out.line("\nNo shell: no job failed in one of its steps.");
}

/// How to look closer, for who has a terminal.
void hint_at_shell(const Terminal& out, const std::vector<local::JobRun>& jobs) {
    for (const local::JobRun& job : jobs)
        if (job.state == model::JobState::failed && job.telling_step()) {
            out.line(fmt::format("a shell in its place: sluice run --shell {}",
                                 printable(job.planned.spec.base)));
            return;
        }
}

/// Everything but logs and results goes, unless it was asked for.
void tidy(const LocalOptions& options, const local::RunFolder& folder,
          const std::vector<local::JobRun>& jobs) {
    if (options.keep) return;
    (void)files::remove_tree(folder.snapshot());
    for (const local::JobRun& job : jobs)
        if (job.attempt > 0) (void)files::remove_tree(job.dir / protocol::local_file::k_workspace);
}

Exit verdict(model::RunState state) {
    return state == model::RunState::passed || state == model::RunState::warned ? Exit::ok
                                                                                : Exit::negative;
}

Result<Exit> carry_out(Context& context, const LocalOptions& options) {
    if (options.shell && (context.globals.json || ::isatty(0) == 0 || ::isatty(1) == 0))
        return usage_error("--shell needs a terminal, and no --json");
    SLUICE_TRY(auto checkout, local::read_checkout());
    local::EventOptions event = options.event;
    SLUICE_TRY(event.params, local::read_params(options.params));
    const Timestamp now = context.clock.now();
    SLUICE_TRY(auto pipeline, local::plan_checkout(checkout, event, 1, now));
    if (config::has_errors(pipeline.outcome.diagnostics) || !pipeline.outcome.triggered) {
        print_diagnostics(context.err, pipeline.files, pipeline.outcome.diagnostics);
        const std::string why = pipeline.outcome.triggered
                                    ? "the configuration has errors"
                                    : "no job is for a " + local::describe(pipeline.input.event) +
                                          "; --event chooses another event";
        return refuse(context, usage_error(why));
    }
    SLUICE_TRY(auto jobs,
               local::select_jobs(pipeline.outcome.plan->jobs, options.jobs, !options.no_needs));
    if (!options.list) SLUICE_CHECK(check_supported(jobs));
    SLUICE_TRY(auto secrets, local::read_secrets(options.secrets, options.secret_files));
    SLUICE_CHECK(check_named(jobs, secrets));
    if (options.list) return show_list(context, pipeline, jobs);
    print_diagnostics(context.err, pipeline.files, pipeline.outcome.diagnostics);

    crypto::init();
    local::RunSettings settings;
    SLUICE_TRY(settings.agent, local::find_agent());
    SLUICE_TRY(auto folder, local::RunFolder::make(checkout));
    // Expressions may read the number, which is known only now.
    SLUICE_TRY(pipeline, local::plan_checkout(checkout, event, folder.number(), now));
    if (!pipeline.outcome.plan) return usage_error("the files changed meanwhile");
    SLUICE_TRY(jobs,
               local::select_jobs(pipeline.outcome.plan->jobs, options.jobs, !options.no_needs));
    SLUICE_TRY(auto paths, local::tree_files(checkout));
    SLUICE_CHECK(local::make_snapshot(checkout, paths, folder.snapshot()));

    const Terminal& screen = context.globals.json ? context.err : context.out;
    screen.line(fmt::format("{} #{}: {}, {} file{} of the working tree", printable(checkout.name),
                            folder.number(), printable(local::describe(pipeline.input.event)),
                            paths.size(), paths.size() == 1 ? "" : "s"));
    screen.flush();
    settings.input = pipeline.input;
    settings.checkout = checkout;
    settings.jobs = options.parallel;
    settings.keep_workspaces = options.keep;
    settings.keep_failed = options.shell;
    settings.secrets = std::move(secrets);
    const auto begun = context.clock.steady();
    auto view = std::make_unique<local::RunView>(screen, options.verbose, jobs);
    local::LocalRun run(std::move(settings), folder, std::move(jobs), *view);
    const model::RunState state = run.carry_out();
    view.reset();
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(context.clock.steady() - begun)
            .count();
    auto summary = local::summary_json(run.jobs(), state, took);
    auto& object = summary.as_object();
    object["number"] = folder.number();
    object["event"] = to_text(pipeline.input.event.kind);
    object["sha"] = checkout.sha;
    object["folder"] = folder.path().string();
    object["diagnostics"] = diagnostics_json(pipeline);
    (void)files::write_atomic(folder.path() / "summary.json", pretty(summary), 0600, false);
    if (context.globals.json)
        context.out.write(pretty(summary));
    else
        local::print_summary(screen, run.jobs(), state, took);
    if (options.keep) screen.line("workspaces: " + printable(folder.path().string()));
    if (!options.shell && !context.globals.json && !run.interrupted() && ::isatty(1) != 0)
        hint_at_shell(screen, run.jobs());
    if (options.shell && !run.interrupted()) enter_failed_job(screen, run.jobs());
    tidy(options, folder, run.jobs());
    return verdict(state);
}

Result<Exit> run_local(Context& context, const LocalOptions& options) {
    auto exit = carry_out(context, options);
    if (exit || exit.error().id != k_usage) return exit;
    return refuse(context, exit.error());
}

}  // namespace

void add_run_local(CLI::App& run, Command& chosen) {
    auto options = std::make_shared<LocalOptions>();
    run.add_option(
           "JOB", options->jobs,
           "Jobs to run on this machine, with what they need: ids, cells, globs; default all")
        ->type_name("");
    local::add_event_options(run, options->event,
                             {"push", "pull_request", "tag", "manual", "schedule"});
    run.add_option("-p,--param", options->params,
                   "A value for `params` of the run, repeatable; the event is then manual")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    run.add_option("--secret", options->secrets,
                   "A secret from a variable of your shell, repeatable; without VARIABLE its name "
                   "in capitals (registry/token: REGISTRY_TOKEN)")
        ->type_name("NAME[=VARIABLE]")
        ->allow_extra_args(false);
    run.add_option("--secret-file", options->secret_files, "A secret from a file, repeatable")
        ->type_name("NAME=FILE")
        ->allow_extra_args(false);
    run.add_option("-j,--jobs", options->parallel, "Jobs at once; default: half of the processors")
        ->type_name("N")
        ->check(CLI::Range(1, 1000));
    run.add_flag("--no-needs", options->no_needs, "Only the named jobs, not what they need");
    run.add_flag("--list", options->list, "Show what would run");
    run.add_flag("-v,--verbose", options->verbose, "Every line of every log as it comes");
    run.add_flag("--keep", options->keep, "Keep the workspaces");
    run.add_flag("--shell", options->shell, "After a failure: a shell in place of the failed step");
    run.footer(
        "`sluice run [JOB]…` runs .ci.yml on this machine and needs no server; the commands below "
        "ask the server.\n"
        "Exit codes of a local run: 0 passed, 1 failed, 2 nothing ran (wrong arguments or "
        "configuration).\n"
        "A job that is called as a command: `sluice run -- list`.");
    run.callback([&chosen, &run, options] {
        if (!run.get_subcommands().empty()) return;
        chosen = [options](Context& context) { return run_local(context, *options); };
    });
}

}  // namespace sluice::cli
