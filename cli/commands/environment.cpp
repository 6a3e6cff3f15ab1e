// environment set, list, show, remove.
#include "cli/commands/commands.hpp"
#include "cli/commands/common_options.hpp"
#include "cli/json_view.hpp"
#include "cli/named.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/time.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

constexpr const char* k_history = "20";

std::string path_of(const std::string& project, const char* what = "environments") {
    return "/api/v1/projects/" + path_part(project) + "/" + what;
}

struct Options {
    std::string name, project, expires, wait;
    int approvals = -1;
    bool reason = false;
    std::vector<std::string> approvers, events, branches, tags;
};

Result<> put_duration(json::Object& body, const char* key, const char* option,
                      const std::string& text) {
    if (text.empty()) return {};
    const auto duration = parse_duration(text);
    if (!duration)
        return usage_error(
            fmt::format("{}: '{}' is no duration, e.g. 30m or 1d12h", option, printable(text)));
    body[key] = duration->count();
    return {};
}

Result<Exit> set(Context& context, const Options& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    json::Object body{{"name", options.name}, {"reason_required", options.reason}};
    const auto list = [](const std::vector<std::string>& items) {
        return json::Array(items.begin(), items.end());
    };
    body["approvers"] = list(options.approvers);
    if (options.approvals >= 0) body["approvals"] = options.approvals;
    SLUICE_CHECK(put_duration(body, "expires_ms", "--expires", options.expires));
    SLUICE_CHECK(put_duration(body, "wait_ms", "--wait", options.wait));
    body["events"] = list(options.events);
    body["branches"] = list(options.branches);
    body["tags"] = list(options.tags);
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->post(path_of(project), body));
    context.show(reply, [&] {
        context.out.line(fmt::format("environment {} of {} is protected", printable(options.name),
                                     printable(project)));
    });
    return Exit::ok;
}

/// `2 by admin, with a reason`.
std::string approvals_of(const json::Value& protection) {
    const auto count = number_of(protection, "approvals").value_or(0);
    if (count == 0) return "none";
    const std::string who = joined(protection, "approvers");
    return fmt::format("{} by {}{}", count, who.empty() ? "write" : who,
                       flag_of(protection, "reason_required") ? ", with a reason" : "");
}

/// Which refs may deploy.
std::string refs_of(const json::Value& protection) {
    if (protection.is_null()) return "any";
    std::string out = joined(protection, "branches");
    const std::string tags = joined(protection, "tags");
    if (!tags.empty()) out += (out.empty() ? "tags " : ", tags ") + tags;
    if (out.empty()) out = "protected";
    const std::string events = joined(protection, "events");
    return events.empty() ? out : out + "; " + events;
}

std::string duration_of(const json::Value& object, const char* key) {
    const auto ms = number_of(object, key).value_or(0);
    return ms == 0 ? "" : format_duration(Duration{ms});
}

std::string run_of(const json::Value& deployment) {
    if (deployment.is_null()) return "never";
    return fmt::format("#{} {}", number_of(deployment, "run_number").value_or(0),
                       text_of(deployment, "sha").substr(0, 8));
}

Result<Exit> list(Context& context, const std::string& named) {
    SLUICE_TRY(auto project, context.project_or_detect(named));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    context.show(reply, [&] {
        Table table({"ENVIRONMENT", "DEPLOYED", "APPROVALS", "FROM", "WAIT", "HELD"});
        for (const auto& one : items_of(reply, "environments")) {
            const auto& protection = member(one, "protection");
            const auto held = number_of(one, "held").value_or(0);
            table.row({text_of(one, "name"), run_of(member(one, "current")),
                       protection.is_null() ? "not protected" : approvals_of(protection),
                       refs_of(protection), duration_of(protection, "wait_ms"),
                       held == 0 ? "" : std::to_string(held)});
        }
        table.print(
            context.out,
            "no environments; protect one with: sluice environment set NAME --approver admin");
    });
    return Exit::ok;
}

/// The one of that name in the reply, or a refusal that names what is near.
Result<const json::Value*> named_in(const json::Value& reply, const Options& options,
                                    const std::string& project) {
    return find_named(items_of(reply, "environments"),
                      {.what = "environment", .name = options.name, .where = project});
}

Result<Exit> show(Context& context, const Options& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    SLUICE_TRY(const auto* found, named_in(reply, options, project));
    SLUICE_TRY(auto history, server->get(path_of(project, "deployments"),
                                         {{"environment", options.name}, {"limit", k_history}}));
    json::Object shown = found->as_object();
    shown["deployments"] = member(history, "deployments");
    context.show(shown, [&] {
        const auto& protection = member(*found, "protection");
        if (protection.is_null()) {
            context.out.line("not protected: any job of the project may deploy to it");
        } else {
            context.out.line("approvals  " + printable(approvals_of(protection)));
            context.out.line("from       " + printable(refs_of(protection)));
            const std::string wait = duration_of(protection, "wait_ms");
            if (!wait.empty()) context.out.line("wait       " + wait);
        }
        Table table({"RUN", "COMMIT", "JOB", "STATE", "APPROVED BY", "FINISHED"});
        for (const auto& one : items_of(history, "deployments"))
            table.row({fmt::format("#{}", number_of(one, "run_number").value_or(0)),
                       text_of(one, "sha").substr(0, 8), text_of(one, "job"), text_of(one, "state"),
                       text_of(one, "approved_by"), age_of(one, "finished_at", context.clock)});
        table.print(context.out, "nothing was deployed there yet");
    });
    return Exit::ok;
}

Result<Exit> remove(Context& context, const Options& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    SLUICE_TRY(const auto* found, named_in(reply, options, project));
    const auto id = number_of(member(*found, "protection"), "id");
    if (!id) return usage_error(printable(options.name) + " is not protected");
    SLUICE_CHECK(server->remove(fmt::format("/api/v1/environments/{}", *id)));
    context.show(*found, [&] {
        context.out.line(
            fmt::format("environment {} of {} is not protected any more; its secrets stay",
                        printable(options.name), printable(project)));
    });
    return Exit::ok;
}

void add_set(CLI::App& environment, Command& chosen) {
    auto* setting = environment.add_subcommand(
        "set", "Protect one, or replace its rules: what is not said is not asked");
    auto options = std::make_shared<Options>();
    setting->add_option("NAME", options->name, "As `environment` of a job says it")
        ->required()
        ->type_name("");
    add_project_option(*setting, options->project);
    setting
        ->add_option("--approver", options->approvers,
                     "A role (read, write, admin) from which on somebody may approve, or a "
                     "person; repeatable. Default: write")
        ->type_name("WHO")
        ->allow_extra_args(false);
    setting
        ->add_option("--approvals", options->approvals,
                     "So many different people must approve; default: 1 with --approver, else 0")
        ->type_name("N")
        ->check(CLI::Range(0, 20));
    setting->add_flag("--reason", options->reason, "Who approves says why");
    setting
        ->add_option("--expires", options->expires,
                     "A job that nobody has approved by then is cancelled; default 7d")
        ->type_name("DURATION");
    setting
        ->add_option("--wait", options->wait,
                     "A job waits as long before it goes, approved or not; default 0")
        ->type_name("DURATION");
    add_scope_options(*setting, options->events, options->branches, "from");
    setting->add_option("--tag", options->tags, "Only from those tags; repeatable")
        ->type_name("GLOB")
        ->allow_extra_args(false);
    setting->callback([&chosen, options] {
        chosen = [options](Context& context) { return set(context, *options); };
    });
}

}  // namespace

void add_environment_commands(CLI::App& app, Command& chosen) {
    auto* environment =
        app.add_subcommand("environment", "Environments of a project: what is deployed, who may")
            ->require_subcommand(1);
    add_set(*environment, chosen);

    auto* listing =
        environment->add_subcommand("list", "What is deployed where, and what protects it");
    auto project = std::make_shared<std::string>();
    add_project_argument(*listing, *project);
    listing->callback([&chosen, project] {
        chosen = [project](Context& context) { return list(context, *project); };
    });

    auto* showing = environment->add_subcommand("show", "One of them, with its last deployments");
    auto* removing = environment->add_subcommand(
        "remove", "Take its protection away; jobs that wait then need one approval");
    for (auto* command : {showing, removing}) {
        auto options = std::make_shared<Options>();
        command->add_option("NAME", options->name, "Its name")->required()->type_name("");
        add_project_option(*command, options->project);
        command->callback([&chosen, options, shows = command == showing] {
            chosen = [options, shows](Context& context) {
                return shows ? show(context, *options) : remove(context, *options);
            };
        });
    }
}

}  // namespace sluice::cli
