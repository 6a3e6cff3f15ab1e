// project add, list, show, protect.
#include "cli/commands/commands.hpp"
#include "cli/commands/common_options.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace sluice::cli {
namespace {

struct AddOptions {
    std::string name;
    std::string url;
    std::string default_branch;
    std::string forge = "git";
    std::string status_api, status_repo, status_token_file;  ///< all or none: commit statuses
};

/// A folder on this machine becomes an absolute path: the server has another working directory.
std::string absolute_if_local(const std::string& url) {
    std::error_code ignored;
    if (url.find("://") != std::string::npos || !std::filesystem::exists(url, ignored)) return url;
    return std::filesystem::weakly_canonical(url).string();
}

Result<Exit> add(Context& context, const AddOptions& options) {
    json::Object body{
        {"name", options.name}, {"url", absolute_if_local(options.url)}, {"forge", options.forge}};
    if (!options.default_branch.empty()) body["default_branch"] = options.default_branch;
    if (!options.status_api.empty())
        body["status"] = json::Object{{"api", options.status_api},
                                      {"repo", options.status_repo},
                                      {"token_file", options.status_token_file}};
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->post("/api/v1/projects", body));
    context.show(reply, [&] {
        std::string name = printable(text_of(member(reply, "project"), "name"));
        context.out.line("added project " + name);
        if (options.forge == "git") {
            context.out.line("next: sluice hooks install REPO.git --project " + name);
            return;
        }
        context.out.line("webhook URL     " + printable(text_of(reply, "hook_url")));
        context.out.line("webhook secret  " + printable(text_of(reply, "hook_secret")) +
                         "   (shown once)");
    });
    return Exit::ok;
}

std::string last_run_text(const json::Value& run) {
    return run.is_null() ? "" : fmt::format("#{}", number_of(run, "number").value_or(0));
}

Result<Exit> list(Context& context) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/projects"));
    context.show(reply, [&] {
        Table table({"PROJECT", "LAST RUN", "STATE", "WHEN", "BRANCH", "URL"});
        for (const auto& project : items_of(reply, "projects")) {
            const auto& run = member(project, "last_run");
            table.row({text_of(project, "name"), last_run_text(run),
                       Cell::state(text_of(run, "state")), age_of(run, "created_at", context.clock),
                       text_of(project, "default_branch"), text_of(project, "url")});
        }
        table.print(context.out, "no projects yet; add one with: sluice project add NAME URL");
    });
    return Exit::ok;
}

std::string listed(const json::Value& policy, const char* key) {
    std::string text;
    for (const auto& glob : items_of(policy, key))
        if (const auto* word = glob.if_string())
            text += (text.empty() ? "" : ", ") + printable(std::string(*word));
    return text;
}

void print_policy(const Terminal& out, const json::Value& policy, const std::string& main) {
    const auto branches = listed(policy, "protected_branches");
    const auto tags = listed(policy, "protected_tags");
    out.line("protected       " + printable(main) + (branches.empty() ? "" : ", " + branches) +
             (tags.empty() ? "" : "; tags " + tags));
    out.line("config changes  " + text_of(policy, "config_changes"));
    out.line(std::string("job statuses    ") + (flag_of(policy, "job_statuses") ? "on" : "off"));
}

Result<Exit> show(Context& context, const std::string& named) {
    SLUICE_TRY(auto name, context.project_or_detect(named));
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get("/api/v1/projects/" + path_part(name)));
    context.show(reply, [&] {
        context.out.line("project         " + printable(text_of(reply, "name")));
        context.out.line("url             " + printable(text_of(reply, "url")));
        context.out.line("default branch  " + printable(text_of(reply, "default_branch")));
        print_policy(context.out, member(reply, "policy"), text_of(reply, "default_branch"));
        context.out.line("added           " + age_of(reply, "created_at", context.clock));
        const auto& run = member(reply, "last_run");
        if (run.is_null()) return;
        context.out.line(fmt::format("last run        {} (id {}) {} {}", last_run_text(run),
                                     number_of(run, "id").value_or(0),
                                     context.out.paint_state(text_of(run, "state")),
                                     age_of(run, "created_at", context.clock)));
    });
    return Exit::ok;
}

struct ProtectOptions {
    std::string name;
    std::vector<std::string> branches, tags;
    std::string config_changes, job_statuses;
};

/// What the options name is changed, the rest stays; then, or without options, the policy is shown.
Result<Exit> protect(Context& context, const ProtectOptions& options) {
    const auto globs = [](const std::vector<std::string>& given) {
        json::Array list;
        for (const auto& glob : given)
            if (!glob.empty()) list.emplace_back(glob);
        return list;
    };
    json::Object body;
    if (!options.branches.empty()) body["protected_branches"] = globs(options.branches);
    if (!options.tags.empty()) body["protected_tags"] = globs(options.tags);
    if (!options.config_changes.empty()) body["config_changes"] = options.config_changes;
    if (!options.job_statuses.empty()) body["job_statuses"] = options.job_statuses == "on";
    SLUICE_TRY(auto name, context.project_or_detect(options.name));
    SLUICE_TRY(auto* server, context.api());
    const std::string path = "/api/v1/projects/" + path_part(name);
    if (!body.empty()) SLUICE_CHECK(server->patch(path + "/policy", body));
    SLUICE_TRY(auto project, server->get(path));
    context.show(member(project, "policy"), [&] {
        print_policy(context.out, member(project, "policy"), text_of(project, "default_branch"));
    });
    return Exit::ok;
}

}  // namespace

void add_project_commands(CLI::App& app, Command& chosen) {
    auto* project =
        app.add_subcommand("project", "Repositories that the server builds")->require_subcommand(1);

    auto* adding = project->add_subcommand("add", "Add a repository");
    auto options = std::make_shared<AddOptions>();
    adding->add_option("NAME", options->name, "Letters, digits, `.`, `_`, `-`")
        ->required()
        ->type_name("");
    adding->add_option("REPO", options->url, "Clone URL, or path of a bare repository")
        ->required()
        ->type_name("");
    adding->add_option("--default-branch", options->default_branch, "Default: main")
        ->type_name("BRANCH");
    adding->add_option("--forge", options->forge, "Who sends the webhooks")
        ->check(CLI::IsMember({"git", "github", "gitlab", "gitea"}))
        ->capture_default_str();
    auto* api = adding
                    ->add_option("--status-api", options->status_api,
                                 "Report commit statuses to the forge: base URL of its API")
                    ->type_name("URL");
    auto* repo = adding
                     ->add_option("--status-repo", options->status_repo,
                                  "Its name of the repository, e.g. owner/name")
                     ->type_name("REPO");
    auto* token = adding
                      ->add_option("--status-token-file", options->status_token_file,
                                   "File on the server with the forge's token; read at each use")
                      ->type_name("FILE");
    for (auto* option : {api, repo, token})
        for (auto* other : {api, repo, token})
            if (option != other) option->needs(other);
    adding->callback([&chosen, options] {
        chosen = [options](Context& context) { return add(context, *options); };
    });

    project->add_subcommand("list", "All projects with their newest run")->callback([&chosen] {
        chosen = list;
    });

    auto* showing = project->add_subcommand("show", "One project");
    auto name = std::make_shared<std::string>();
    add_project_argument(*showing, *name);
    showing->callback(
        [&chosen, name] { chosen = [name](Context& context) { return show(context, *name); }; });

    auto* protecting = project->add_subcommand(
        "protect", "What is protected, and what edits of the pipeline's files need");
    auto wanted = std::make_shared<ProtectOptions>();
    add_project_argument(*protecting, wanted->name);
    protecting
        ->add_option("--branch", wanted->branches,
                     "Protected beside the default branch; repeatable, replaces the list, '' "
                     "empties it")
        ->type_name("GLOB")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    protecting
        ->add_option("--tag", wanted->tags, "Protected tags, e.g. 'v*'; repeatable, as --branch")
        ->type_name("GLOB")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    protecting
        ->add_option("--config-changes", wanted->config_changes,
                     "A change to .ci* files is marked; waits for `sluice gate approve` when it "
                     "touches a required job; always waits")
        ->check(CLI::IsMember({"notice", "required", "approve"}));
    protecting
        ->add_option("--job-statuses", wanted->job_statuses,
                     "A commit status per required job, beside the gate's")
        ->check(CLI::IsMember({"on", "off"}));
    protecting->callback([&chosen, wanted] {
        chosen = [wanted](Context& context) { return protect(context, *wanted); };
    });
}

}  // namespace sluice::cli
