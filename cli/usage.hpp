#pragma once
/// What to tell a person whose arguments could not be read. Pure.

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace sluice::cli {

/// `error: unknown command 'gat'; did you mean 'gate'?`, else the parser's own words; then where to
/// read on.
std::string explain_usage(const CLI::App& app, const std::vector<std::string>& words,
                          const std::string& parser_text);

/// Refuses text that is no row id, and says where ids are shown.
CLI::Validator id_of_run();

}  // namespace sluice::cli
