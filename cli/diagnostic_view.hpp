#pragma once
/// Diagnostics of `.ci.yml` for people: the line `file:line:col: error: … hint: …`, the line of the
/// file with a caret, and where to read on. Pure but for the terminal.

#include "cli/config_files.hpp"
#include "cli/term/terminal.hpp"
#include "pipelines/config/diagnostic.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

/// The line of the text (1-based) with a caret under the column; empty when there is no such line.
/// What a terminal could take for a command is gone; of a line wider than `width` the part around
/// the column is shown.
std::string source_line(std::string_view text, int line, int column, std::size_t width = 100);

/// All of them; `file` is the planner's name. Where to read on is said once.
void print_diagnostics(const Terminal& out, const ConfigSet& set,
                       const std::vector<config::Diagnostic>& diagnostics);

/// SARIF 2.1.0, which forges and editors show at the lines of a change.
json::Value to_sarif(const std::vector<config::Diagnostic>& diagnostics);

}  // namespace sluice::cli
