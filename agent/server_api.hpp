#pragma once
/// The agent's half of `/agent/v1`: typed calls over one HTTP client. Blocking; one caller at a
/// time per object, interrupt() from any thread. Refusals carry the server's error word as `id`;
/// is_transient() tells which of them are worth another try.

#include "pipelines/protocol/agent.hpp"
#include "pipelines/protocol/agent_log.hpp"
#include "pipelines/protocol/hello.hpp"
#include "pipelines/protocol/lfs.hpp"
#include "pipelines/protocol/reports.hpp"
#include "pipelines/protocol/secrets.hpp"
#include "pipelines/protocol/shell.hpp"
#include "platform/files.hpp"
#include "platform/http_client.hpp"

namespace sluice::agent {

struct ServerAddress {
    std::string url;      ///< without a slash at the end
    std::string ca_file;  ///< "" = the system's bundle
};

/// No answer, or one that says "not now": connection, time-out, 408, 429, 5xx. Everything else is
/// final.
bool is_transient(const Error& error);

/// The server's `{error, message}`, or the status alone when something else answered (a proxy's
/// HTML page).
Error refusal_of(const http_client::Response& response);

/// Calls with the agent's own token (or none).
class AgentApi {
public:
    AgentApi(ServerAddress server, std::string token);

    Result<protocol::RegisterReply> enrol(const protocol::RegisterRequest& request);
    Result<protocol::HelloReply> hello(const protocol::HelloRequest& request);
    /// Lines of the daemon's log.
    Result<protocol::AgentLogTaken> send_log(const protocol::AgentLogLines& lines);
    /// No jobs when the long poll ran out.
    Result<protocol::ClaimReply> claim(const protocol::ClaimRequest& request);
    /// Gives an un-started lease back.
    Result<> release(AttemptId attempt, const std::string& lease_token);

    void interrupt() { client_.interrupt(); }
    void resume() { client_.resume(); }

private:
    ServerAddress server_;
    std::string token_;
    http_client::Client client_;
};

/// Answer to a piece of log: `accepted` when it was taken, else `reply.offset` is where to go on.
struct LogAnswer {
    bool accepted = false;
    protocol::LogReply reply;
};

/// Answer to a finish. Not `recorded`: the server's log differs, go on from `log_offset` and finish
/// again.
struct FinishAnswer {
    bool recorded = true;
    std::int64_t log_offset = 0;
    protocol::FinishReply reply;
};

struct BlobState {
    bool known = false;       ///< there is no need to send it
    std::int64_t offset = 0;  ///< else: so much of it is there
};

/// Calls of one attempt with its lease token.
class AttemptApi {
public:
    AttemptApi(ServerAddress server, AttemptId attempt, std::string lease_token);

    Result<> start(const protocol::StartRequest& request);
    Result<protocol::RenewReply> renew(const protocol::RenewRequest& request);
    /// `size` bytes from `body` at `offset` of the log.
    Result<LogAnswer> append_log(std::int64_t offset, std::int64_t size,
                                 http_client::BodyReader body);
    Result<> progress(const protocol::ProgressRequest& request);
    Result<FinishAnswer> finish(const protocol::FinishRequest& request);
    Result<> release();
    Result<protocol::SecretsReply> secrets(const protocol::SecretsRequest& request);
    /// Streams what the commit needs into `sink`; answers with the commit of `have` that is needed
    /// beside it, "" = none.
    Result<std::string> source(const protocol::SourceRequest& request,
                               const http_client::BodySink& sink);

    /// Submodules of the attempt's commit, outer ones first.
    Result<protocol::SubmodulesReply> submodules();
    /// Files in Git LFS of the attempt's commit, or of a submodule of it; long poll for their
    /// objects. Those are had by get_blob("lfs/DIGEST", …).
    Result<protocol::LfsReply> lfs(const protocol::LfsRequest& request);

    /// A full report (`PUT attempts/{id}/reports/{name}`); the same bytes again change nothing.
    Result<> put_report(const model::ReportFile& file, http_client::BodyReader body);
    Result<protocol::BaselineReply> baseline();
    /// A full report of the baseline's job, as it was uploaded; code not_found when it has none.
    Result<std::string> baseline_report(std::string_view name);

    // Files (blob_api.cpp).
    Result<BlobState> blob_state(const protocol::Blob& blob);
    /// The bytes of `file` from `offset` on. 409 `digest_mismatch` and `offset_mismatch` are
    /// refusals.
    Result<> put_blob(const protocol::Blob& blob, std::int64_t offset, const files::Path& file);
    /// Appends to `to` what it lacks; the bytes are not checked.
    Result<> get_blob(const std::string& call, const protocol::Blob& blob, const files::Path& to);
    Result<protocol::InputReply> input(const std::string& name);
    Result<protocol::CacheReply> cache(const protocol::CacheRequest& wanted);
    Result<protocol::MemoReply> memo(const protocol::MemoRequest& wanted);
    /// Long poll of an ended attempt whose environment is kept.
    Result<protocol::KeptReply> kept(const protocol::KeptRequest& body);
    /// Code::gone: the shell is over.
    Result<protocol::ShellTaken> shell_output(std::int64_t shell,
                                              const protocol::ShellOutput& body);
    Result<protocol::ShellInput> shell_input(std::int64_t shell,
                                             const protocol::InputRequest& body);

    void interrupt() { client_.interrupt(); }
    void resume() { client_.resume(); }

private:
    http_client::Request request(std::string_view method, std::string_view call,
                                 Duration timeout) const;
    Result<http_client::Response> post(std::string_view call, const json::Value& body,
                                       Duration timeout);

    ServerAddress server_;
    AttemptId attempt_;
    std::string lease_token_;
    http_client::Client client_;
};

}  // namespace sluice::agent
