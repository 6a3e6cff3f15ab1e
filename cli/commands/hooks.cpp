// hooks install, uninstall: ties a bare repository on this machine to a project of the server.
#include "cli/commands/commands.hpp"
#include "cli/hook_server.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"
#include "hooks/git/install.hpp"

#include <filesystem>

namespace sluice::cli {
namespace {

struct HookOptions {
    std::string repository;
    std::string project;
    std::vector<std::string> protect;
    std::string program;
    std::string listener;
    bool update = false;
};

/// sluice-hook lies beside this program; an upgrade of both needs no new install.
Result<files::Path> find_hook_program(const std::string& named) {
    std::error_code failed;
    files::Path program = named;
    if (named.empty())
        program =
            std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "sluice-hook";
    program = std::filesystem::absolute(program).lexically_normal();
    if (std::filesystem::is_regular_file(program, failed)) return program;
    return usage_error("no sluice-hook at " + program.string() +
                       "; say where it is: --program PATH");
}

Result<Exit> install(Context& context, const HookOptions& options) {
    SLUICE_TRY(auto program, find_hook_program(options.program));
    std::error_code failed;
    auto repository = std::filesystem::canonical(options.repository, failed);
    if (failed)
        return usage_error("no repository at " + options.repository + ": " + failed.message());
    SLUICE_TRY(auto* server, context.api());
    std::string address = options.listener.empty() ? server->session().url : options.listener;
    if (address.starts_with("https://")) {
        SLUICE_TRY(auto status, server->get("/api/v1/status"));
        if (auto plain = text_of(status, "hook_listener"); !plain.empty()) address = plain;
    }
    SLUICE_TRY(auto listener, hook_listener(address));

    // The server keeps only what it needs to verify: to learn a secret one makes a new one.
    SLUICE_TRY(auto reply,
               server->post("/api/v1/projects/" + path_part(options.project) + "/hook-secret",
                            json::Object{}));
    hooks::InstallOptions install;
    install.server = listener;
    install.project = options.project;
    install.secret = text_of(reply, "hook_secret");
    install.program = program;
    install.update = options.update || !options.protect.empty();
    install.protect = options.protect;
    auto done = hooks::install(repository, install);
    if (!done) return usage_error(done.error().message);

    json::Object shown{{"repository", repository.string()},
                       {"project", options.project},
                       {"server", listener},
                       {"update_hook", install.update}};
    context.show(shown, [&] {
        context.out.line("pushes to " + repository.string() + " now reach project " +
                         printable(options.project));
        if (install.update)
            context.out.line("protected branches move only to commits whose gate is green");
    });
    return Exit::ok;
}

Result<Exit> uninstall(Context& context, const std::string& repository) {
    auto done = hooks::uninstall(repository);
    if (!done) return usage_error(done.error().message);
    context.show(json::Object{{"repository", repository}}, [&] {
        context.out.line("the hooks of " + repository + " are as they were before Sluice");
    });
    return Exit::ok;
}

}  // namespace

void add_hooks_commands(CLI::App& app, Command& chosen) {
    auto* hooks = app.add_subcommand("hooks", "Git hooks of a bare repository on this machine")
                      ->require_subcommand(1);

    auto* adding = hooks->add_subcommand("install", "Tell the server about every push");
    auto options = std::make_shared<HookOptions>();
    adding->add_option("REPO", options->repository, "A bare repository")->required()->type_name("");
    adding->add_option("--project", options->project, "The project that it is")
        ->required()
        ->type_name("PROJECT");
    adding->add_flag("--update-hook", options->update,
                     "Also let branches with a gate move only to green commits");
    adding
        ->add_option(
            "--protect", options->protect,
            "Glob of branches that stay closed while the server cannot be asked; repeatable; "
            "implies --update-hook")
        ->type_name("GLOB")
        ->allow_extra_args(false);
    adding
        ->add_option(
            "--listener", options->listener,
            "host:port where sluice-hook reaches the server by plain HTTP; default: its URL, or "
            "with https its --hook-listen")
        ->type_name("HOST:PORT");
    adding->add_option("--program", options->program, "sluice-hook, default: beside this program")
        ->type_name("FILE");
    adding->footer(
        "The project gets a new hook secret: hooks installed earlier for it must be installed "
        "again.");
    adding->callback([&chosen, options] {
        chosen = [options](Context& context) { return install(context, *options); };
    });

    auto* removing = hooks->add_subcommand("uninstall", "Put the repository's earlier hooks back");
    auto repository = std::make_shared<std::string>();
    removing->add_option("REPO", *repository, "The repository")->required()->type_name("");
    removing->callback([&chosen, repository] {
        chosen = [repository](Context& context) { return uninstall(context, *repository); };
    });
}

}  // namespace sluice::cli
