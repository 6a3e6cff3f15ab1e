#pragma once
/// One function per command group: it describes the arguments to CLI11 and sets `chosen` to what
/// the subcommand does. The value names (`PROJECT`, `RUN`, `AGENT`, `FILE`, `REPO`) also tell
/// completion what to offer.

#include "cli/context.hpp"

#include <CLI/CLI.hpp>

namespace sluice::cli {

void add_login_commands(CLI::App& app, Command& chosen);
void add_status_commands(CLI::App& app, Command& chosen);
void add_project_commands(CLI::App& app, Command& chosen);
void add_hooks_commands(CLI::App& app, Command& chosen);
void add_run_commands(CLI::App& app, Command& chosen);
void add_run_show_command(CLI::App& run, Command& chosen);
void add_run_logs_command(CLI::App& run, Command& chosen);
void add_gate_command(CLI::App& app, Command& chosen);
void add_agent_commands(CLI::App& app, Command& chosen);
void add_token_commands(CLI::App& app, Command& chosen);
void add_validate_command(CLI::App& app, Command& chosen);
void add_completion_commands(CLI::App& app, Command& chosen);

/// All of them, on a fresh app.
void add_all_commands(CLI::App& app, GlobalOptions& globals, Command& chosen);

}  // namespace sluice::cli
