#pragma once
/// The REST API and the agent protocol: one file per resource. It parses, asks core or the store,
/// and serialises; it never decides (style rule 8). Handlers run as coroutines on io threads; reads
/// go to the db pool, log bytes to the disk pool.

#include "server/api/auth.hpp"
#include "server/api/list_cache.hpp"
#include "server/blobs/blob_store.hpp"
#include "server/core/agent_logs.hpp"
#include "server/core/feed.hpp"
#include "server/core/gate.hpp"
#include "server/core/id_tokens.hpp"
#include "server/core/intake.hpp"
#include "server/core/leases.hpp"
#include "server/core/lfs.hpp"
#include "server/core/lifecycle.hpp"
#include "server/core/projects.hpp"
#include "server/core/report_lists.hpp"
#include "server/core/scheduler.hpp"
#include "server/core/shells.hpp"
#include "server/http/router.hpp"
#include "server/logs/log_store.hpp"
#include "server/logs/report_store.hpp"
#include "server/runtime/pool.hpp"
#include "server/secrets/key_ring.hpp"
#include "server/store/readers.hpp"
#include "server/store/writer.hpp"

#include <atomic>
#include <string>
#include <vector>

namespace sluice::api {

using http::awaitable;
using http::Reply;
using http::Request;

/// Everything handlers use; wired by app. Lives longer than any request.
struct Api {
    store::Writer& writer;
    store::Readers& readers;
    runtime::Pool& db;
    runtime::Pool& disk;
    runtime::Pool& blob_pool;  ///< for blobs: `disk`, or one of their own when they are elsewhere
    logs::LogStore& logs;
    logs::ReportStore& report_files;
    core::ReportLists& report_lists;
    blobs::BlobStore& blobs;
    git::GitService& git;
    core::LfsObjects& lfs;
    core::LeaseTable& leases;
    core::Scheduler& scheduler;
    core::Lifecycle& lifecycle;
    core::EventFeed& feed;
    core::Intake& intake;
    core::Schedules& schedules;
    core::Gate& gate;
    core::Growth& growth;
    core::ProjectDirectory& projects;
    core::ServiceClock& service;
    const Clock& clock;
    Authenticator& auth;
    const secrets::KeyRing& keys;
    core::IdTokens& id_tokens;
    core::Shells& shells;
    core::AgentLogs& agent_logs;
    std::string server_id;
    std::string public_url;
    std::string version;
    std::chrono::steady_clock::time_point started;
    std::string hook_listener{};  ///< host:port of the plain listener for sluice-hook; "" = none
    ListCache lists{};
    std::atomic<bool> stopping{false};
    std::atomic<std::int64_t> source_packs{0}, source_bytes{0};  ///< sent to runners since start

    /// Reads a snapshot on the db pool. `work` is a named, moved callable.
    template <class Work>
    auto read(Work&& work) {
        return runtime::run_on(
            db, [this, work = std::forward<Work>(work)]() mutable { return readers.read(work); });
    }
};

/// All routes of the server but the web UI.
std::vector<http::Route> all_routes(Api& api);

std::vector<http::Route> run_routes(Api& api);
std::vector<http::Route> schedule_routes(Api& api);
std::vector<http::Route> job_routes(Api& api);
std::vector<http::Route> project_routes(Api& api);
std::vector<http::Route> agent_routes(Api& api);
std::vector<http::Route> token_routes(Api& api);
std::vector<http::Route> event_routes(Api& api);
std::vector<http::Route> hook_routes(Api& api);
std::vector<http::Route> protocol_routes(Api& api);
std::vector<http::Route> runner_report_routes(Api& api);
std::vector<http::Route> report_routes(Api& api);
std::vector<http::Route> secret_routes(Api& api);
std::vector<http::Route> environment_routes(Api& api);
std::vector<http::Route> runner_secret_routes(Api& api);
std::vector<http::Route> runner_source_routes(Api& api);
std::vector<http::Route> runner_blob_routes(Api& api);
std::vector<http::Route> artifact_routes(Api& api);
std::vector<http::Route> discovery_routes(Api& api);
std::vector<http::Route> system_routes(Api& api);
std::vector<http::Route> shell_routes(Api& api);
std::vector<http::Route> runner_shell_routes(Api& api);
std::vector<http::Route> audit_routes(Api& api);

// ---- helpers of the handlers ----

/// In a handler: the value, or the refusal as reply.
#define SLUICE_CO_TRY_REPLY(decl, expr) \
    SLUICE_CO_TRY_REPLY_IMPL(decl, expr, SLUICE_CONCAT(try_reply_, __LINE__))
#define SLUICE_CO_TRY_REPLY_IMPL(decl, expr, tmp)           \
    auto tmp = (expr);                                      \
    if (!(tmp)) co_return http::error_reply((tmp).error()); \
    decl = std::move(*(tmp))

/// The person's role, lowest first.
enum class Role { read, write, admin };
using PersonHandler = std::function<awaitable<Reply>(Request&, const Principal&)>;
/// A bearer route: authenticates, checks the role (403 `forbidden`), then calls.
http::Route person(Api& api, http::Method method, std::string pattern, Role role,
                   PersonHandler handler);

/// The typed path parameter; refused with 404 when it is no id (same as missing, H11).
template <class IdType>
Result<IdType> path_id(const Request& request, std::string_view name) {
    auto id = IdType::parse(request.params.at(std::string(name)));
    if (!id)
        return error(Code::not_found, "not_found", "no such " + std::string(name),
                     std::string(name));
    return *id;
}
/// The project of the path parameter `project`.
Result<store::Project> path_project(const Api& api, const Request& request);
/// An integer query parameter within bounds, or the fallback. `bad_query` else.
Result<std::int64_t> query_integer(const Request& request, std::string_view name,
                                   std::int64_t fallback, std::int64_t min, std::int64_t max);
std::string query_text(const Request& request, std::string_view name);
/// The JSON body, at most 1 MiB; 415 on another content type, 400 on bad JSON. An empty body reads
/// as {}.
awaitable<Result<json::Value>> json_body(Request& request, std::size_t max_bytes = 1 << 20);
Reply json_reply(const json::Value& value, int status = 200);

}  // namespace sluice::api
