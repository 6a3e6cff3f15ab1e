#pragma once
/// A person's shell in the place of a failed step: its environment, workspace and folder. Blocking,
/// one thread.

#include "cli/local/job_run.hpp"

namespace sluice::cli::local {

/// How that step was started, as far as the job kept it (LocalJob::keep_commands).
Result<protocol::LocalCommand> command_of(const JobRun& job);

/// An interactive shell on this terminal until it ends (spawn::interactive_shell). Refused when no
/// shell can be started.
Result<> open_shell(const protocol::LocalCommand& step, const std::string& job,
                    const std::string& history);

}  // namespace sluice::cli::local
