#pragma once
/// Shell completion, answered by the program itself: the shells' scripts only call `sluice
/// __complete -- WORD…`, so commands, options and their values never stand in a second place. Pure
/// but for `names`.

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

struct Completion {
    std::vector<std::string> words;  ///< those that begin with what was typed
    bool files = false;              ///< the shell should offer file names
};

/// Names that exist on the server for a value name (`PROJECT`, `AGENT`, `RUN`, `TOKEN`); nothing
/// when it can't tell.
using Names = std::function<std::vector<std::string>(std::string_view value_name)>;

/// What may stand for the last of `words` (the program's own name is not among them; the last may
/// be empty).
Completion complete(const CLI::App& app, const std::vector<std::string>& words, const Names& names);

/// The script for bash, zsh or fish; nothing for another shell.
std::optional<std::string> completion_script(std::string_view shell);

}  // namespace sluice::cli
