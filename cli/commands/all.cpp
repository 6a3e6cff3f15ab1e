#include "cli/commands/commands.hpp"

namespace sluice::cli {

void add_all_commands(CLI::App& app, GlobalOptions& globals, Command& chosen) {
    app.name("sluice");
    app.description("Sluice from a terminal: projects, runs, gates, agents.");
    app.footer(
        "Exit codes: 0 ok, 1 the verdict is no, 2 pending or unknown, 3 usage, 4 no answer from "
        "the server,\n"
        "5 refused by the server. SLUICE_URL and SLUICE_TOKEN choose the server; `sluice login` "
        "stores one.");
    app.add_option("--url", globals.url, "The server, instead of SLUICE_URL or the login")
        ->type_name("URL");
    app.add_option("--data", globals.data, "Use the server on this machine that has its data there")
        ->type_name("DIR");
    app.add_option("--ca", globals.ca, "PEM file of the authority to trust (also: SLUICE_CA)")
        ->type_name("FILE");
    app.add_flag("--json", globals.json, "The server's reply as JSON, for programs");
    app.add_flag("--no-color", globals.no_colour, "No colours (also: NO_COLOR=1)");
    app.require_subcommand(1);
    // Global options may stand behind the command; subcommands inherit this.
    app.fallthrough();

    add_status_commands(app, chosen);
    add_login_commands(app, chosen);
    add_project_commands(app, chosen);
    add_hooks_commands(app, chosen);
    add_run_commands(app, chosen);
    add_artifact_commands(app, chosen);
    add_schedule_commands(app, chosen);
    add_secret_commands(app, chosen);
    add_environment_commands(app, chosen);
    add_gate_command(app, chosen);
    add_shell_command(app, chosen);
    add_audit_command(app, chosen);
    add_agent_commands(app, chosen);
    add_token_commands(app, chosen);
    add_validate_command(app, chosen);
    add_render_command(app, chosen);
    add_explain_command(app, chosen);
    add_schema_command(app, chosen);
    add_import_command(app, chosen);
    add_completion_commands(app, chosen);
}

}  // namespace sluice::cli
