#pragma once
/// The runner of `sluice run`: the same attempt as on an agent, with a folder instead of a server
/// (decision 0006, pipelines/protocol/local_run.hpp). The folder stays; the CLI removes it.

#include "agent/runner/run_job.hpp"

namespace sluice::agent {

/// True when the folder was made by `sluice run`.
bool is_local_job(const files::Path& dir);

/// Ends with `done` also when the job failed: result.json tells. Without a result the job was ended
/// at once (`failed`), or could not begin (`unreadable`, `locked`).
RunJobExit run_local_job(const files::Path& dir);

/// After the death of the runner: ends what it left behind and writes result.json (`runner_lost`).
RunJobExit salvage_local_job(const files::Path& dir);

}  // namespace sluice::agent
