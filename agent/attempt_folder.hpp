#pragma once
/// The folder of one attempt: everything a runner needs, and everything salvage needs when the
/// runner is gone.
///
///   job.json    the claimed job with its lease token, and the server to report to; 0600
///   lock        flock held by the live runner (rule 3); its text tells who that is: pid, start
///               time, boot, instance, marker
///   spool       the whole log
///   journal     JSON lines: starting, started, outcome, finished
///   workspace/  the commit, where steps run
///   params.json the job's params, when it has any: $CI_PARAMS_FILE
///   kept        there when the job is over and people may open shells: the runner waits for them
///   step-N.*    CI_OUTPUT, CI_ENV, CI_SUMMARY of each step that wrote them; a long script
///
/// Few files on purpose: creating them is the dearest part of a short job's way to its first
/// command.
///
/// Blocking. Any thread; one writer per file.

#include "agent/server_api.hpp"
#include "pipelines/protocol/agent.hpp"
#include "platform/files.hpp"

#include <sys/types.h>

namespace sluice::agent {

struct AttemptFolder {
    files::Path path;

    files::Path job() const { return path / "job.json"; }
    files::Path lock() const { return path / "lock"; }
    files::Path spool() const { return path / "spool"; }
    files::Path journal() const { return path / "journal"; }
    files::Path workspace() const { return path / "workspace"; }
    files::Path kept() const { return path / "kept"; }
    files::Path params() const { return path / "params.json"; }
    files::Path step_file(std::size_t index, std::string_view ending) const {
        return path / ("step-" + std::to_string(index) + "." + std::string(ending));
    }
};

/// What the daemon hands over.
struct Assignment {
    ServerAddress server;
    protocol::ClaimedJob job;  ///< with its lease token
};

/// Who holds the lock; written by the runner at its start.
struct RunnerIdentity {
    pid_t pid = 0;
    std::uint64_t start_time = 0;
    std::string boot_id;
    std::string instance;  ///< as told to the server with start
    std::string marker;    ///< value of CI_ATTEMPT_MARKER in every step's environment
};

/// Creates the folder (0700) with job.json. Not fsynced: a lost folder is an un-started lease (rule
/// 26).
Result<AttemptFolder> create_folder(const files::Path& path, const Assignment& assignment);
Result<Assignment> load_assignment(const AttemptFolder& folder);

/// Into the lock file, which the caller holds. Readers that come meanwhile find nobody: they then
/// go by the lock alone.
Result<> save_identity(const AttemptFolder& folder, const RunnerIdentity& identity);
Result<RunnerIdentity> load_identity(const AttemptFolder& folder);

/// Name of the environment variable by which salvage finds processes of an attempt (rule 4).
inline constexpr const char* k_marker_variable = "CI_ATTEMPT_MARKER";

}  // namespace sluice::agent
