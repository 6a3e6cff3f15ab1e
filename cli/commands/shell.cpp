// shell: a shell in the kept place of a failed job; who had one. audit: who did what.
#include "cli/commands/commands.hpp"
#include "cli/job_place.hpp"
#include "cli/json_view.hpp"
#include "cli/remote_shell.hpp"
#include "cli/term/text.hpp"
#include "cli/usage.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

struct ShellOptions {
    std::string where;
    bool list = false, release = false;
    std::int64_t approve = 0, reject = 0, end = 0;
};

Result<Exit> list(Context& context, const std::string& where) {
    SLUICE_TRY(auto* server, context.api());
    Query query;
    if (!where.empty()) {
        SLUICE_TRY(const JobHere job, job_of(*server, where));
        query.emplace_back("job", std::to_string(job.id));
    }
    SLUICE_TRY(const auto reply, server->get("/api/v1/shells", query));
    context.show(reply, [&] {
        Table table({"ID", "JOB", "AGENT", "WHO", "DECIDED", "STATE", "WHEN", "TIME", "EXIT"});
        for (const auto& shell : items_of(reply, "shells")) {
            const auto code = number_of(shell, "exit_code");
            table.row({std::to_string(number_of(shell, "id").value_or(0)),
                       fmt::format("{}/{}", number_of(shell, "run_id").value_or(0),
                                   text_of(shell, "job")),
                       text_of(shell, "agent"), text_of(shell, "opened_by"),
                       text_of(shell, "decided_by"), Cell::state(text_of(shell, "state")),
                       age_of(shell, "asked_at", context.clock),
                       human_duration(number_of(shell, "duration_ms")),
                       code ? std::to_string(*code) : text_of(shell, "ending")});
        }
        table.print(context.out, "no shells");
    });
    return Exit::ok;
}

Result<Exit> change(Context& context, std::int64_t id, std::string_view verb) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const auto reply,
               server->post(fmt::format("/api/v1/shells/{}/{}", id, verb), json::Object{}));
    context.show(reply, [&] {
        context.out.line(
            fmt::format("the shell of {} in {}/{} is {}", printable(text_of(reply, "opened_by")),
                        number_of(reply, "run_id").value_or(0), printable(text_of(reply, "job")),
                        context.out.paint_state(text_of(reply, "state"))));
    });
    return Exit::ok;
}

Result<Exit> release(Context& context, const std::string& where) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const JobHere job, job_of(*server, where));
    SLUICE_CHECK(server->remove(fmt::format("/api/v1/jobs/{}/kept", job.id)));
    context.show(json::Object{},
                 [&] { context.out.line(printable(job.key) + " is kept no longer"); });
    return Exit::ok;
}

Result<Exit> open(Context& context, const std::string& where) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const JobHere job, job_of(*server, where));
    json::Object body = window_of_terminal();
    body["term"] = environment("TERM").value_or("dumb");
    SLUICE_TRY(const auto shell, server->post(fmt::format("/api/v1/jobs/{}/shells", job.id), body));
    RemoteShell remote(context, *server, number_of(shell, "id").value_or(0));
    SLUICE_TRY(const auto end, remote.attend());
    if (!end.reason.empty()) context.err.line("the shell has ended: " + printable(end.reason));
    // As with ssh: what the shell returned is what we return.
    return end.exit_code ? static_cast<Exit>(*end.exit_code) : Exit::refused;
}

Result<Exit> shell(Context& context, const ShellOptions& options) {
    const int others = options.list + options.release + (options.approve != 0) +
                       (options.reject != 0) + (options.end != 0);
    if (others > 1)
        return usage_error("--list, --release, --approve, --reject, --end: one of them");
    if (options.list) return list(context, options.where);
    if (options.approve != 0) return change(context, options.approve, "approve");
    if (options.reject != 0) return change(context, options.reject, "reject");
    if (options.end != 0) return change(context, options.end, "close");
    if (options.where.empty()) return usage_error("say in which job: sluice shell RUN/JOB");
    if (options.release) return release(context, options.where);
    if (context.globals.json)
        return usage_error("a shell prints what its programs print, and no --json");
    return open(context, options.where);
}

struct AuditOptions {
    std::string action;
    int limit = 50;
};

Result<Exit> audit(Context& context, const AuditOptions& options) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(const auto reply,
               server->get("/api/v1/audit",
                           {{"action", options.action}, {"limit", std::to_string(options.limit)}}));
    context.show(reply, [&] {
        Table table({"WHEN", "WHO", "ACTION", "SUBJECT", "DETAIL"});
        for (const auto& entry : items_of(reply, "entries"))
            table.row({text_of(entry, "at"), text_of(entry, "actor"), text_of(entry, "action"),
                       text_of(entry, "subject"), text_of(entry, "detail")});
        table.print(context.out, "nothing was written down");
    });
    return Exit::ok;
}

}  // namespace

void add_shell_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("shell", "A shell in the kept place of a failed job");
    auto options = std::make_shared<ShellOptions>();
    sub->add_option("RUN", options->where, "RUN/JOB: id of the run, and the job")->type_name("");
    sub->add_flag("--list", options->list, "Who had a shell, when and for how long");
    sub->add_flag("--release", options->release,
                  "Nobody needs the job's place any more: remove it");
    sub->add_option("--approve", options->approve, "Let somebody's shell through")
        ->type_name("ID")
        ->check(CLI::PositiveNumber);
    sub->add_option("--reject", options->reject, "Refuse somebody's shell")
        ->type_name("ID")
        ->check(CLI::PositiveNumber);
    sub->add_option("--end", options->end, "End a shell")
        ->type_name("ID")
        ->check(CLI::PositiveNumber);
    sub->footer(
        "`sluice run retry RUN --keep` runs a failed run again and keeps what fails. The place "
        "has\n"
        "its workspace, container, services and variables, but no secrets. Enter ~ . leaves a "
        "shell\n"
        "that does not answer. The exit code is that of the shell.");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return shell(context, *options); };
    });
}

void add_audit_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("audit", "Who did what: newest entries first");
    auto options = std::make_shared<AuditOptions>();
    sub->add_option("--action", options->action, "Only this one, or a group of them, e.g. shell")
        ->type_name("ACTION");
    sub->add_option("--limit", options->limit, "How many")
        ->check(CLI::Range(1, 500))
        ->capture_default_str();
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return audit(context, *options); };
    });
}

}  // namespace sluice::cli
