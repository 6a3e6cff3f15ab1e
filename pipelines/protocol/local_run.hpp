#pragma once
/// The folder through which `sluice run` and a runner of this machine speak (decision 0006). The
/// CLI writes `local.json` and starts `sluice-agent run-job DIR`; the runner keeps `progress.json`
/// and `result.json` up to date by renaming, and its log in `spool`. Signals to the runner: SIGINT
/// or SIGTERM once = cancel, with the grace of a cancel; a second time = kill at once, no result.
/// Pure values, any thread.

#include "pipelines/protocol/agent.hpp"

namespace sluice::protocol {

namespace local_file {
inline constexpr const char* k_job = "local.json";          ///< LocalJob
inline constexpr const char* k_progress = "progress.json";  ///< ProgressRequest
inline constexpr const char* k_result = "result.json";      ///< FinishRequest, without a log
inline constexpr const char* k_log = "spool";               ///< raw bytes
inline constexpr const char* k_workspace = "workspace";     ///< where the steps run
/// LocalCommand of step N, as it was started: `command-N.json`; with LocalJob::keep_commands.
std::string command(std::size_t step);
}  // namespace local_file

struct LocalJob {
    ClaimedJob job;
    std::string source;          ///< folder whose content becomes the workspace; "" = nothing
    std::string marker;          ///< tells processes of this attempt by their environment (rule 4)
    std::int64_t parent = 0;     ///< process whose end cancels the job; 0 = none
    bool keep_commands = false;  ///< write LocalCommand of every step
    std::string blobs;           ///< folder of the blobs that the run's jobs share
    std::map<std::string, InputReply> inputs;  ///< what the job's inputs stand for
    std::vector<CacheReply> caches;            ///< newest first; what may be restored
    bool secrets = false;                      ///< SecretValues come by standard input
};

/// A step's command as it was started.
struct LocalCommand {
    std::vector<std::string> argv;
    std::map<std::string, std::string> env;
    std::string directory;
    bool operator==(const LocalCommand&) const = default;
};

json::Value to_json(const LocalJob& value);
Result<LocalJob> parse_local_job(const json::Value& value);
json::Value to_json(const LocalCommand& value);
Result<LocalCommand> parse_local_command(const json::Value& value);

}  // namespace sluice::protocol
