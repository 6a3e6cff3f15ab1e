#pragma once
/// A line that a person types without its being shown. Blocking; the thread that owns the terminal.

#include "cli/term/terminal.hpp"

#include <string>
#include <string_view>

namespace sluice::cli {

/// Writes `prompt` to the terminal, reads a line of standard input with the echo off.
std::string hidden_line(const Terminal& terminal, std::string_view prompt);

}  // namespace sluice::cli
