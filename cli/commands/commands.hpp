#pragma once
/// One function per command group: it describes the arguments to CLI11 and sets `chosen` to what
/// the subcommand does. Names of positionals and value names of options (`PROJECT`, `RUN`, `AGENT`,
/// `TOKEN`, `TOPIC`, `FILE`, `REPO`, `DIR`) also tell completion what to offer; positionals have an
/// empty type name, else help would show two names.

#include "cli/context.hpp"

#include <CLI/CLI.hpp>

namespace sluice::cli {

void add_login_commands(CLI::App& app, Command& chosen);
void add_status_commands(CLI::App& app, Command& chosen);
void add_project_commands(CLI::App& app, Command& chosen);
void add_hooks_commands(CLI::App& app, Command& chosen);
void add_run_commands(CLI::App& app, Command& chosen);
/// `run` without a subcommand: local.
void add_run_local(CLI::App& run, Command& chosen);
void add_run_show_command(CLI::App& run, Command& chosen);
void add_run_reports_command(CLI::App& run, Command& chosen);
void add_run_logs_command(CLI::App& run, Command& chosen);
void add_artifact_commands(CLI::App& app, Command& chosen);
void add_schedule_commands(CLI::App& app, Command& chosen);
void add_secret_commands(CLI::App& app, Command& chosen);
void add_environment_commands(CLI::App& app, Command& chosen);
void add_gate_command(CLI::App& app, Command& chosen);
void add_shell_command(CLI::App& app, Command& chosen);
void add_audit_command(CLI::App& app, Command& chosen);
void add_agent_commands(CLI::App& app, Command& chosen);
void add_token_commands(CLI::App& app, Command& chosen);
void add_validate_command(CLI::App& app, Command& chosen);
void add_render_command(CLI::App& app, Command& chosen);
void add_explain_command(CLI::App& app, Command& chosen);
void add_schema_command(CLI::App& app, Command& chosen);
void add_import_command(CLI::App& app, Command& chosen);
void add_completion_commands(CLI::App& app, Command& chosen);

/// What the scripts of `sluice completion` read: `words` or `files`, then a candidate per line.
void answer_completion(Context& context, const std::vector<std::string>& words);

/// All of them, on a fresh app.
void add_all_commands(CLI::App& app, GlobalOptions& globals, Command& chosen);

}  // namespace sluice::cli
