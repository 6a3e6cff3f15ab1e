#pragma once
/// The runner as a process: `sluice-agent run-job DIR`, or the zygote's child. Takes the folder's
/// lock, carries the attempt, tells the daemon, removes the folder.

#include "agent/attempt_folder.hpp"

namespace sluice::agent {

enum class RunJobExit {
    done = 0,
    locked = 3,      ///< another runner holds the folder: nothing was touched
    unreadable = 4,  ///< job.json cannot be read; the folder stays for salvage
    failed = 5,  ///< the outcome was refused for good, or the disk failed; the folder is removed
};

/// What a runner needs of its process: own session, sub-reaper, no core dumps, quiet SIGPIPE, few
/// malloc arenas.
void prepare_runner_process();

RunJobExit run_job(const files::Path& dir);

/// Rule 4: ends what a dead runner left, delivers its outcome or `runner_lost`, removes the folder.
RunJobExit salvage_job(const files::Path& dir);

}  // namespace sluice::agent
