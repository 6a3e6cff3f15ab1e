#pragma once
/// Agent protocol `/agent/v1` (architecture §6, engine rules 7-13, 21-23): the bodies both ends
/// exchange as JSON. Durations only, never wall-clock times. Parsers refuse unknown members and
/// values over the stated limits. Requests carry `Authorization: Agent <token>` (claim) or
/// `Authorization: Lease <token>` (attempts/…).
///
// clang-format off
/// | call | body → reply |
/// |---|---|
/// | POST register               | RegisterRequest → RegisterReply; 401 enrolment_used, 426 upgrade_required |
/// | POST claim                  | ClaimRequest → 200 ClaimReply or 204; 409 session_superseded or seq_too_low |
/// | POST attempts/{id}/start    | StartRequest → 200 {}; 409 when another instance won, or it was cancelled |
/// | POST attempts/{id}/renew    | RenewRequest → RenewReply (long poll) |
/// | PATCH attempts/{id}/log     | raw bytes, header Upload-Offset → 200 LogReply; 409 LogReply with the right offset |
/// | POST attempts/{id}/progress | ProgressRequest → 204 |
/// | POST attempts/{id}/finish   | FinishRequest → 200 FinishReply; 409 finish_conflict, log_mismatch (LogReply) |
/// | POST attempts/{id}/release  | {} → 204 |
/// | POST attempts/{id}/source   | SourceRequest → 200 pack bytes, headers X-Commit and X-Base; 204 when the agent has it |
/// | POST attempts/{id}/submodules | {} → SubmodulesReply |
// clang-format on

#include "pipelines/base/ids.hpp"
#include "pipelines/base/json.hpp"
#include "pipelines/model/capacity.hpp"
#include "pipelines/model/outcome.hpp"
#include "pipelines/model/spec.hpp"
#include "pipelines/model/usage.hpp"
#include "pipelines/protocol/memo.hpp"
#include "pipelines/protocol/packs.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::protocol {

inline constexpr int k_version = 1;
/// A log body of a finish, inline, for short jobs: at most this many bytes.
inline constexpr std::size_t k_inline_log_max = 256 * 1024;
/// A generated fragment: the limit of every file of the language.
inline constexpr std::size_t k_generated_max = 256 * 1024;
/// Header names.
inline constexpr const char* k_upload_offset = "Upload-Offset";
inline constexpr const char* k_commit_header = "X-Commit";
/// The commit of SourceRequest::have whose objects the pack leaves out; absent when it is whole.
inline constexpr const char* k_base_header = "X-Base";

struct RegisterRequest {
    int protocol = k_version;
    std::string token;       ///< one-use enrolment token
    std::string install_id;  ///< made once by the agent; the same id registers again idempotently
                             ///< within the token's life
    std::string name;
    std::string build;                ///< version text of the agent
    std::vector<std::string> labels;  ///< wanted; the enrolment decides which are granted
    std::string os, arch, host;
    int cpus = 1;
};
struct RegisterReply {
    AgentId agent;
    std::string token;  ///< for `Authorization: Agent`
    std::string name;
    std::vector<std::string> labels;
    std::string server_id;
};

struct ClaimRequest {
    std::string session;   ///< random per daemon start; a new session supersedes the old
    std::int64_t seq = 0;  ///< rises with each answered claim (rule 10)
    int free = 0;          ///< slots free now
    int capacity = 1;
    std::vector<AttemptId> holding;              ///< every attempt whose folder the agent has
    std::vector<std::string> executors{"host"};  ///< values of the label `executor=`
    std::optional<model::Capacity> resources;    ///< all that the machine has to give
    bool draining = false;
    Duration wait{0};  ///< long-poll at most this long (server caps at 60 s)
};
struct ClaimedJob {
    AttemptId attempt;
    JobId job;
    RunId run;
    std::int64_t epoch = 0;  ///< number of the attempt of this job, from 1
    std::string lease_token;
    Duration lease{0};  ///< from receipt
    model::JobSpec spec;
    std::map<std::string, std::string> env;  ///< CI_* variables the server knows
    std::string sha;                         ///< the commit
    std::int64_t log_limit = 0;              ///< bytes; then a visible truncated@N
    std::vector<std::string> gpus{};         ///< uuids of the ones that are this job's
    bool source = true;
    Duration keep{0};     ///< a failed one's environment stays that long for a person's shell
    ProjectId project{};  ///< whose objects the agent may keep together
    /// Digest of tier and ref (docs/decisions/0018): what may be kept for jobs of the same; "" =
    /// for no other.
    std::string scope{};
};
struct ClaimReply {
    std::vector<ClaimedJob> jobs;
};

struct StartRequest {
    std::string runner_instance;  ///< random per runner process
};
struct RenewRequest {
    Duration wait{0};
    std::string runner_instance;
    std::optional<model::UsageSample> usage{};  ///< the newest
};
struct RenewReply {
    Duration lease{0};
    bool cancel = false;
    std::string reason;  ///< for people, with cancel
};
struct LogReply {
    std::int64_t offset = 0;  ///< bytes the server holds
    bool cancel = false;
};
struct ProgressRequest {
    std::vector<model::StepStatus> steps;  ///< all steps so far
};
struct FinishRequest {
    std::string runner_instance;
    model::Outcome outcome;
    std::int64_t log_size = 0;
    std::uint32_t log_crc32c = 0;                   ///< over the whole log
    std::optional<std::int64_t> inline_log_offset;  ///< with inline_log: its place
    std::string
        inline_log;  ///< raw bytes (base64 on the wire): the log's unsent rest, for short jobs
    std::vector<model::StepStatus> steps;
    model::Reports reports;
    std::map<std::string, std::string> outputs;
    /// With JobSpec::generate, of a job that passed: the fragment that it wrote.
    std::optional<std::string> generated{};
    std::vector<PackRef> packs{};  ///< files that the job leaves; their blobs have been sent
    std::map<std::string, std::string> input_digests{};  ///< input → digest of what it was
    std::map<std::string, std::string> environment{};    ///< what the job found, for lineage
    /// With `memoize`, of a job that ran: what its result depends on.
    std::optional<MemoParts> memo{};
    /// What people want to know: `executor`, `image`, `image_digest`.
    std::map<std::string, std::string> facts{};
    model::Usage usage{};
    std::int64_t duration_ms = 0;  ///< first step's start to the end of the last
    bool salvaged = false;
};
struct FinishReply {
    model::JobState state = model::JobState::passed;
};
struct SourceRequest {
    /// Commits whose objects the agent has, with `history` those of all ancestors, too; the
    /// likeliest base first.
    std::vector<std::string> have;
    /// With all ancestors: the answer begins with lines of `<id> <ref name>`, the pack follows and
    /// may be absent.
    bool history = false;
    std::string submodule{};  ///< path of the submodule whose commit is wanted; "" = the job's own
};
struct SubmodulesReply {
    struct Submodule {
        std::string path;    ///< from the top of the workspace
        std::string commit;  ///< that the workspace has there
        std::string url;     ///< where the server fetches it, for people
    };
    std::vector<Submodule> submodules;  ///< outer ones before inner ones
};
inline constexpr std::size_t k_source_have_max = 64;

#define SLUICE_WIRE(type, from)             \
    json::Value to_json(const type& value); \
    Result<type> from(const json::Value& value)

SLUICE_WIRE(RegisterRequest, parse_register);
SLUICE_WIRE(RegisterReply, parse_register_reply);
SLUICE_WIRE(ClaimRequest, parse_claim);
SLUICE_WIRE(ClaimedJob, parse_claimed_job);
SLUICE_WIRE(ClaimReply, parse_claim_reply);
SLUICE_WIRE(StartRequest, parse_start);
SLUICE_WIRE(RenewRequest, parse_renew);
SLUICE_WIRE(RenewReply, parse_renew_reply);
SLUICE_WIRE(LogReply, parse_log_reply);
SLUICE_WIRE(ProgressRequest, parse_progress);
SLUICE_WIRE(FinishRequest, parse_finish);
SLUICE_WIRE(FinishReply, parse_finish_reply);
SLUICE_WIRE(SourceRequest, parse_source);
SLUICE_WIRE(SubmodulesReply, parse_submodules_reply);
#undef SLUICE_WIRE

}  // namespace sluice::protocol
