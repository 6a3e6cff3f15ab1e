#pragma once
/// Options that several commands have, described once.

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

/// `--project`, and PROJECT in its place: by default the one whose repository the checkout is of.
void add_project_option(CLI::App& command, std::string& project);
void add_project_argument(CLI::App& command, std::string& project);

/// `--event` and `--branch`, of what holds for some runs. `how`: `for`, `from`.
void add_scope_options(CLI::App& command, std::vector<std::string>& events,
                       std::vector<std::string>& branches, std::string_view how);

}  // namespace sluice::cli
