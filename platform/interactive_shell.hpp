#pragma once
/// The shell that a person gets in the place of a step: of a local run (cli) and of a kept job
/// (agent).

#include "pipelines/base/result.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice::spawn {

/// How it looks to the person.
struct ShellLook {
    std::string job;      ///< for the prompt
    std::string history;  ///< a file, for the ↑ key
    std::string term;     ///< TERM
};

/// The command: bash, else sh. The step's variables stay as they are; only TERM, the prompt and
/// HISTFILE are added to `env`. `find` tells the path by which that place starts a program, or
/// not_found.
std::vector<std::string> interactive_shell(
    std::map<std::string, std::string>& env, const ShellLook& look,
    const std::function<Result<std::string>(const std::string& program)>& find);

}  // namespace sluice::spawn
