// secret set, list, remove.
#include "cli/commands/commands.hpp"
#include "cli/commands/common_options.hpp"
#include "cli/json_view.hpp"
#include "cli/named.hpp"
#include "cli/secret_text.hpp"
#include "cli/term/hidden_line.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>

namespace sluice::cli {
namespace {

std::string path_of(const std::string& project) {
    return "/api/v1/projects/" + path_part(project) + "/secrets";
}

struct Options {
    std::string name, project, environment;
    std::vector<std::string> events, branches;
};

/// Standard input to its end; typed, one line.
Result<std::string> read_value(const Context& context) {
    std::string value;
    if (isatty(STDIN_FILENO) == 1)
        value = hidden_line(context.err, "value (not shown): ");
    else
        value.assign(std::istreambuf_iterator<char>(std::cin), {});
    value = without_line_end(std::move(value));
    if (value.empty()) return usage_error("no value: give it on standard input");
    return value;
}

Result<Exit> set(Context& context, const Options& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto value, read_value(context));
    json::Object body{{"name", options.name}, {"environment", options.environment}};
    body["value"] = boost::json::string(text::to_base64(value));
    body["base64"] = true;
    body["events"] = json::Array(options.events.begin(), options.events.end());
    body["branches"] = json::Array(options.branches.begin(), options.branches.end());
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->post(path_of(project), body));
    context.show(reply, [&] {
        context.out.line(
            fmt::format("secret {} of {} is set", printable(options.name), printable(project)));
    });
    return Exit::ok;
}

std::string or_else(const std::string& text, const char* none) {
    return text.empty() ? none : text;
}

Result<Exit> list(Context& context, const std::string& named) {
    SLUICE_TRY(auto project, context.project_or_detect(named));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    context.show(reply, [&] {
        Table table({"SECRET", "ENVIRONMENT", "EVENTS", "BRANCHES", "SET", "BY"});
        for (const auto& secret : items_of(reply, "secrets")) {
            table.row({text_of(secret, "name"), or_else(text_of(secret, "environment"), "any"),
                       or_else(joined(secret, "events"), "all but proposals"),
                       or_else(joined(secret, "branches"), "protected"),
                       age_of(secret, "set_at", context.clock), text_of(secret, "set_by")});
        }
        table.print(context.out, "no secrets; set one with: sluice secret set NAME < FILE");
    });
    return Exit::ok;
}

Result<Exit> remove(Context& context, const Options& options) {
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(path_of(project)));
    const std::string more = options.environment.empty()
                                 ? ""
                                 : fmt::format(" for environment '{}'", options.environment);
    const auto is_it = [&](const json::Value& secret) {
        return text_of(secret, "name") == options.name &&
               text_of(secret, "environment") == options.environment;
    };
    SLUICE_TRY(const auto* secret,
               find_named(items_of(reply, "secrets"),
                          {.what = "secret", .name = options.name, .where = project, .more = more},
                          is_it));
    SLUICE_CHECK(
        server->remove(fmt::format("/api/v1/secrets/{}", number_of(*secret, "id").value_or(0))));
    context.show(*secret, [&] {
        context.out.line(
            fmt::format("secret {} of {} is removed", printable(options.name), printable(project)));
    });
    return Exit::ok;
}

}  // namespace

void add_secret_commands(CLI::App& app, Command& chosen) {
    auto* secret = app.add_subcommand("secret", "Secrets of a project")->require_subcommand(1);

    auto* setting = secret->add_subcommand(
        "set", "Set or replace one; the value is read from standard input, never from arguments");
    auto options = std::make_shared<Options>();
    setting->add_option("NAME", options->name, "Path and name, e.g. registry/token")
        ->required()
        ->type_name("");
    add_project_option(*setting, options->project);
    setting
        ->add_option("--environment", options->environment,
                     "Only for jobs of that environment; default: for all")
        ->type_name("NAME");
    add_scope_options(*setting, options->events, options->branches, "for");
    setting->callback([&chosen, options] {
        chosen = [options](Context& context) { return set(context, *options); };
    });

    auto* listing = secret->add_subcommand("list", "Names and scopes, never values");
    auto project = std::make_shared<std::string>();
    add_project_argument(*listing, *project);
    listing->callback([&chosen, project] {
        chosen = [project](Context& context) { return list(context, *project); };
    });

    auto* removing = secret->add_subcommand("remove", "Remove one");
    auto removed = std::make_shared<Options>();
    removing->add_option("NAME", removed->name, "Its path and name")->required()->type_name("");
    add_project_option(*removing, removed->project);
    removing->add_option("--environment", removed->environment, "The one for that environment")
        ->type_name("NAME");
    removing->callback([&chosen, removed] {
        chosen = [removed](Context& context) { return remove(context, *removed); };
    });
}

}  // namespace sluice::cli
