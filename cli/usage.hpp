#pragma once
/// What to tell a person whose arguments could not be read. Pure.

#include "cli/exit_code.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace sluice::cli {

/// `error: unknown command 'gat'; did you mean 'gate'?`, else the parser's own words; then where to
/// read on.
std::string explain_usage(const CLI::App& app, const std::vector<std::string>& words,
                          const std::string& parser_text);

/// The exit code for them: a local run has only 0, 1 and 2 (docs/howto/run-locally.md).
Exit usage_exit(const CLI::App& app, const std::vector<std::string>& words);

/// Refuses text that is no row id, and says where ids are shown.
CLI::Validator id_of_run();

}  // namespace sluice::cli
