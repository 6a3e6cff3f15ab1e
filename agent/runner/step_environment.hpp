#pragma once
/// A step's environment and command line, and the files through which a step speaks to the runner.
/// Blocking only for those files.

#include "agent/attempt_folder.hpp"
#include "agent/executors/step_process.hpp"

#include <functional>
#include <string>
#include <vector>

namespace sluice::agent {

/// What a step may take over from the agent's own environment: PATH HOME LANG TZ (and a PATH if
/// there is none).
Environment base_environment(const Environment& own);

/// The names of one step's files. The step's first `>>` creates a file; most steps write none.
struct StepFiles {
    files::Path output, env, summary;
};
StepFiles step_files(const files::Path& folder, std::size_t index);

/// What the step wrote; empty when it made no file. Refused over 1 MiB and when the step put
/// something else in its place: a pipe would block the runner, a link could name the runner's own
/// files.
Result<std::string> read_step_file(const files::Path& path);

/// Parses `name=value` lines and `name<<END` … `END` blocks. Bad lines are named in `problems` and
/// skipped.
std::vector<std::pair<std::string, std::string>> parse_assignments(
    std::string_view text, std::vector<std::string>& problems);

struct StepSurroundings {
    const protocol::ClaimedJob& job;
    const model::StepSpec& step;
    const Environment& base;
    const Environment& from_steps;  ///< $CI_ENV of earlier steps
    const StepFiles& files;
    files::Path workspace;
    std::string marker;
    files::Path params_file = {};  ///< what params_text() gave; "" = the job has no params
};
/// The job's params as one JSON object, each value in its type. Numbers keep the words of the file.
std::string params_text(const std::map<std::string, model::ParamValue>& params);
/// Weakest first: base < job < $CI_ENV < step; then the CI_* names, which nobody can set (reference
/// A4).
Environment step_environment(const StepSurroundings& around);

/// One file by the path at which it is written and by the one at which a step finds it.
struct ScriptFile {
    files::Path outside, inside;
};
/// The path by which a step starts a program, or not_found.
using FindProgram = std::function<Result<std::string>(const std::string& program)>;
/// The command of a step: bash `-eo pipefail` when present, else sh `-e`; sh; python. `script_file`
/// is used for scripts that do not fit into an argument. Refused when the shell is unknown or not
/// installed.
Result<std::vector<std::string>> shell_command(const model::StepSpec& step, const FindProgram& find,
                                               const ScriptFile& script_file);

/// The folder where a step runs, below `inside`, which is what the step calls the workspace.
/// Refused when it is missing or leaves the workspace (also by a symbolic link).
Result<files::Path> step_directory(const files::Path& workspace, const files::Path& inside,
                                   const std::string& relative);

}  // namespace sluice::agent
