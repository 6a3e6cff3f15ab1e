#pragma once
/// The options by which a person says what happened. Pure.

#include "cli/local/pipeline.hpp"

#include <CLI/CLI.hpp>

namespace sluice::cli::local {

/// `--event`, `--branch`, `--tag`, `--target`, `--changed-from`.
void add_event_options(CLI::App& app, EventOptions& options, const std::vector<std::string>& kinds);
/// What only looking at a plan can ask for: another commit, and more about a pull request.
void add_more_event_options(CLI::App& app, EventOptions& options);

}  // namespace sluice::cli::local
