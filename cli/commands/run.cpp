// run list, start, cancel, approve, retry.
#include "cli/commands/commands.hpp"
#include "cli/commands/common_options.hpp"
#include "cli/job_place.hpp"
#include "cli/json_view.hpp"
#include "cli/local/pipeline.hpp"
#include "cli/term/text.hpp"
#include "cli/usage.hpp"
#include "pipelines/protocol/shell.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

struct ListOptions {
    std::string project;
    std::string branch;
    std::string sha;
    int limit = 20;
};

/// Branch, tag or pull request of a run.
std::string ref_of(const json::Value& run) {
    if (auto number = number_of(run, "pr_number")) return fmt::format("pr {}", *number);
    std::string tag = text_of(run, "tag");
    return tag.empty() ? text_of(run, "branch") : "tag " + tag;
}

void print_runs(const Context& context, const json::Value& reply) {
    Table table({"ID", "RUN", "STATE", "TIME", "WHEN", "REF", "COMMIT", "MESSAGE"});
    for (const auto& run : items_of(reply, "runs")) {
        std::string message = text_of(run, "message");
        table.row(
            {std::to_string(number_of(run, "id").value_or(0)),
             fmt::format("{} #{}", text_of(run, "project"), number_of(run, "number").value_or(0)),
             Cell::state(text_of(run, "state")), human_duration(number_of(run, "duration_ms")),
             age_of(run, "created_at", context.clock), ref_of(run), short_sha(text_of(run, "sha")),
             message.substr(0, message.find('\n'))});
    }
    table.print(context.out, "no runs");
}

Result<Exit> list(Context& context, const ListOptions& options) {
    SLUICE_TRY(auto* server, context.api());
    Query query{{"limit", std::to_string(options.limit)}};
    std::string path = "/api/v1/runs";
    bool filtered = !options.branch.empty() || !options.sha.empty();
    std::string project = options.project;
    if (filtered && project.empty()) {
        SLUICE_TRY(project, context.project_or_detect(""));
    }
    if (!project.empty()) {
        path = "/api/v1/projects/" + path_part(project) + "/runs";
        query.emplace_back("branch", options.branch);
        query.emplace_back("sha", options.sha);
    }
    SLUICE_TRY(auto reply, server->get(path, query));
    context.show(reply, [&] { print_runs(context, reply); });
    return Exit::ok;
}

void print_started(const Context& context, const json::Value& run) {
    context.out.line(fmt::format("run {} ({} #{}) of {} {}", number_of(run, "id").value_or(0),
                                 printable(text_of(run, "project")),
                                 number_of(run, "number").value_or(0), printable(ref_of(run)),
                                 short_sha(text_of(run, "sha"))));
}

struct StartOptions {
    std::string project;
    std::string branch;
    std::string sha;
    std::vector<std::string> params;
};

Result<Exit> start(Context& context, const StartOptions& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    json::Object body;
    if (!options.branch.empty()) body["branch"] = options.branch;
    if (!options.sha.empty()) body["sha"] = options.sha;
    SLUICE_TRY(const auto params, local::read_params(options.params));
    json::Object values;
    for (const auto& [name, value] : params) values[name] = value;
    if (!values.empty()) body["params"] = std::move(values);
    SLUICE_TRY(auto reply, server->post("/api/v1/projects/" + path_part(project) + "/runs", body));
    context.show(reply, [&] { print_started(context, reply); });
    return Exit::ok;
}

/// The job of that key in the run.
Result<std::int64_t> job_of_run(ApiClient& server, std::int64_t run, const std::string& key) {
    SLUICE_TRY(auto detail, server.get(fmt::format("/api/v1/runs/{}", run)));
    SLUICE_TRY(const auto* job, job_in(detail, std::to_string(run), key));
    return number_of(*job, "id").value_or(0);
}

struct DecideOptions {
    std::int64_t run = 0;
    std::string job;
    std::string reason;
};

/// `verb`: approve, reject or cancel.
Result<Exit> decide(Context& context, const DecideOptions& options, const std::string& verb) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto id, job_of_run(*server, options.run, options.job));
    json::Object body;
    if (!options.reason.empty()) body["reason"] = options.reason;
    SLUICE_TRY(auto reply, server->post(fmt::format("/api/v1/jobs/{}/{}", id, verb), body));
    context.show(reply, [&] {
        // One word may not be enough.
        const std::string state = text_of(reply, "state");
        context.out.line(printable(options.job) + " is " + context.out.paint_state(state) +
                         (state == "held" ? ": " + printable(text_of(reply, "wait_reason")) : ""));
    });
    return Exit::ok;
}

Result<Exit> cancel(Context& context, std::int64_t run, const std::string& job_key) {
    SLUICE_TRY(auto* server, context.api());
    if (job_key.empty()) {
        SLUICE_TRY(auto reply,
                   server->post(fmt::format("/api/v1/runs/{}/cancel", run), json::Object{}));
        context.show(reply, [&] {
            context.out.line(
                fmt::format("run {} is {}", run, context.out.paint_state(text_of(reply, "state"))));
        });
        return Exit::ok;
    }
    return decide(context, {run, job_key, ""}, "cancel");
}

Result<Exit> approve(Context& context, std::int64_t run) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply,
               server->post(fmt::format("/api/v1/runs/{}/approve", run), json::Object{}));
    context.show(reply, [&] { print_started(context, reply); });
    return Exit::ok;
}

struct RetryOptions {
    std::int64_t run = 0;
    bool all = false, keep = false;
    std::string keep_for = format_duration(protocol::k_keep_default);
};

Result<Exit> retry(Context& context, const RetryOptions& options) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply,
               server->post(fmt::format("/api/v1/runs/{}/retry", options.run), json::Object{},
                            {{"all", options.all ? "true" : ""},
                             {"keep", options.keep ? options.keep_for : ""}}));
    context.show(reply, [&] {
        print_started(context, reply);
        if (options.keep)
            context.err.line(
                fmt::format("a job that fails is kept for {}; then: sluice shell {}/JOB",
                            printable(options.keep_for), number_of(reply, "id").value_or(0)));
    });
    return Exit::ok;
}

}  // namespace

void add_run_commands(CLI::App& app, Command& chosen) {
    auto* run = app.add_subcommand("run", "Run the pipeline on this machine; what the server built")
                    ->require_subcommand(0, 1);
    add_run_local(*run, chosen);

    auto* listing = run->add_subcommand("list", "Runs, newest first");
    auto list_options = std::make_shared<ListOptions>();
    listing->add_option("--project", list_options->project, "Only this project")
        ->type_name("PROJECT");
    listing->add_option("--branch", list_options->branch, "Only this branch")->type_name("BRANCH");
    listing->add_option("--sha", list_options->sha, "Only this commit (full id)")
        ->type_name("COMMIT");
    listing->add_option("--limit", list_options->limit, "How many")
        ->check(CLI::Range(1, 200))
        ->capture_default_str();
    listing->callback([&chosen, list_options] {
        chosen = [list_options](Context& context) { return list(context, *list_options); };
    });

    add_run_show_command(*run, chosen);
    add_run_reports_command(*run, chosen);
    add_run_logs_command(*run, chosen);

    auto* starting = run->add_subcommand("start", "Start a manual run");
    auto start_options = std::make_shared<StartOptions>();
    add_project_argument(*starting, start_options->project);
    starting->add_option("--branch", start_options->branch, "Default: the default branch")
        ->type_name("BRANCH");
    starting->add_option("--sha", start_options->sha, "Commit (full id); default: the branch's tip")
        ->type_name("COMMIT");
    starting
        ->add_option("-p,--param", start_options->params,
                     "A value for `params` of .ci.yml, repeatable")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    starting->callback([&chosen, start_options] {
        chosen = [start_options](Context& context) { return start(context, *start_options); };
    });

    auto* cancelling = run->add_subcommand("cancel", "Cancel what has not ended");
    auto cancelled = std::make_shared<std::int64_t>();
    auto cancelled_job = std::make_shared<std::string>();
    cancelling->add_option("RUN", *cancelled, "Id of the run")
        ->required()
        ->type_name("")
        ->check(id_of_run());
    cancelling->add_option("JOB", *cancelled_job, "Only this job")->type_name("");
    cancelling->callback([&chosen, cancelled, cancelled_job] {
        chosen = [cancelled, cancelled_job](Context& context) {
            return cancel(context, *cancelled, *cancelled_job);
        };
    });

    auto* approving =
        run->add_subcommand("approve", "Let a held run go, or one job that asks for an approval");
    auto* rejecting = run->add_subcommand("reject", "End a job that asks for an approval");
    for (auto* command : {approving, rejecting}) {
        auto decision = std::make_shared<DecideOptions>();
        command->add_option("RUN", decision->run, "Id of the run")
            ->required()
            ->type_name("")
            ->check(id_of_run());
        auto* key = command->add_option("JOB", decision->job, "The job")->type_name("");
        if (command == rejecting) key->required();
        command->add_option("--reason", decision->reason, "Shown beside the job")
            ->type_name("TEXT")
            ->needs(key);
        const std::string verb = command == approving ? "approve" : "reject";
        command->callback([&chosen, decision, verb] {
            chosen = [decision, verb](Context& context) {
                return decision->job.empty() ? approve(context, decision->run)
                                             : decide(context, *decision, verb);
            };
        });
    }

    auto* retrying =
        run->add_subcommand("retry", "A new run of the same commit; passed jobs are carried over");
    auto retried = std::make_shared<RetryOptions>();
    retrying->add_option("RUN", retried->run, "Id of the run")
        ->required()
        ->type_name("")
        ->check(id_of_run());
    retrying->add_flag("--all", retried->all, "Run passed jobs again too");
    auto* keep = retrying->add_flag("--keep", retried->keep,
                                    "Keep the place of a job that fails, for `sluice shell`");
    retrying->add_option("--keep-for", retried->keep_for, "How long, with --keep; at most 24h")
        ->type_name("DURATION")
        ->capture_default_str()
        ->needs(keep);
    retrying->callback([&chosen, retried] {
        chosen = [retried](Context& context) { return retry(context, *retried); };
    });
}

}  // namespace sluice::cli
