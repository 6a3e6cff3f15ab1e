#include "server/app.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"
#include "platform/http_client.hpp"
#include "platform/log.hpp"
#include "platform/timezone.hpp"
#include "server/api/api.hpp"
#include "server/blob_place.hpp"
#include "server/core/blob_keeper.hpp"
#include "server/core/dispatch.hpp"
#include "server/core/outbox.hpp"
#include "server/core/sweeper.hpp"
#include "server/core/ticker.hpp"
#include "server/duties.hpp"
#include "server/embedded_agent.hpp"
#include "server/http/server.hpp"
#include "server/http/static_files.hpp"
#include "server/identity/credentials.hpp"
#include "server/scaler.hpp"
#include "server/startup.hpp"
#include "server/store/schema.hpp"
#include "web/embedded.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>
#include <tuple>

namespace sluice::server {

namespace {

namespace asio = boost::asio;

constexpr std::size_t k_blob_threads = 8;
constexpr std::size_t k_lfs_threads = 4;

/// The plain listener's routes: deliveries of sluice-hook, which are signed, and nothing that takes
/// a token.
http::awaitable<http::Reply> hooks_only(const http::Router& router, http::Request& request) {
    if (request.path.starts_with("/hooks/git/") || request.path == "/healthz")
        co_return co_await router.handle(request);
    co_return http::error_reply(
        error(Code::not_found, "not_found", "this listener takes deliveries of sluice-hook only"));
}

/// Binds; with port 0 first the port of the last start, which agents, runners and installed hooks
/// know. `option` is named when it can't.
std::unique_ptr<http::Server> listen(asio::any_io_executor executor, http::ServerOptions http,
                                     const http::Handler& handler, std::uint16_t last,
                                     std::string_view option) {
    if (http.port == 0 && last != 0) {
        http.port = last;
        try {
            return std::make_unique<http::Server>(executor, http, handler);
        } catch (const std::system_error&) {
            http.port = 0;
        }
    }
    try {
        return std::make_unique<http::Server>(executor, http, handler);
    } catch (const std::system_error& failed) {
        throw StartError(
            fmt::format("{}\nChoose another address with {} ADDRESS:PORT", failed.what(), option));
    }
}

std::vector<http::Asset> ui_assets() {
    std::vector<http::Asset> out;
    for (const auto& asset : web::assets())
        out.push_back({asset.path,
                       asset.content_type,
                       {reinterpret_cast<const char*>(asset.bytes.data()), asset.bytes.size()},
                       asset.gzip,
                       asset.etag});
    return out;
}

/// One status to a forge. A client per call: statuses are rare, and no idle connection or TLS state
/// is kept for them.
Result<core::Sent> send_status(const hooks::StatusRequest& status) {
    http_client::Client client;
    http_client::Request request;
    request.method = "POST";
    request.url = status.url;
    request.headers = status.headers;
    request.body = status.body;
    SLUICE_TRY(auto response, client.send(request));
    core::Sent sent;
    sent.status = response.status;
    sent.answer = text::sanitize_utf8(response.body, 300);
    std::replace(sent.answer.begin(), sent.answer.end(), '\n', ' ');
    sent.retry_after = hooks::asked_wait(response.headers, SystemClock{}.now());
    return sent;
}

void serve(const Options& options) {
    const files::Path data = std::filesystem::absolute(options.data);
    if (auto made = files::make_dirs(data, 0700); !made)
        throw StartError("cannot use --data " + data.string() + ": " + made.error().message);
    auto lock = files::LockFile::try_acquire(data / "lock");
    if (!lock) throw StartError("cannot lock " + data.string() + ": " + lock.error().message);
    if (!*lock)
        throw StartError(
            "another sluice-server uses " + data.string() +
            " (it holds the lock). Stop it first, or choose another folder with --data");

    const auto object_store = open_object_store(options);
    if (!object_store)
        throw StartError(fmt::format("cannot keep blobs in {}: {}", options.blobs,
                                     object_store.error().message));
    SystemClock clock;
    const auto started = clock.steady();
    const std::string database = (data / "sluice.db").string();
    {
        store::Connection connection({.path = database});
        store::migrate(connection);
    }
    ::chmod(database.c_str(), 0600);
    store::preallocate_wal(database);
    // Before what may still hold an upload when it ends.
    blobs::BlobStore blobs(data / "blobs", object_store->get());
    // Handlers wait for pools: they are destroyed in the order that lets every coroutine end
    // (runtime/pool.hpp).
    asio::io_context io(options.io_threads);
    runtime::Pool db("db", 2);
    runtime::Pool disk("disk", 2);
    runtime::Pool net("net", 1);
    runtime::Pool scaling("scaler", 1);
    runtime::Pool lfs_pool("lfs", k_lfs_threads);
    // Waits for an object store must not keep logs waiting.
    std::optional<runtime::Pool> remote_blobs;
    if (*object_store) remote_blobs.emplace("blobs", k_blob_threads);
    runtime::Pool& blob_pool = remote_blobs ? *remote_blobs : disk;
    store::Writer writer({.path = database}, {.on_broken = [](const std::string& why) {
                             // Never go on after a failed fsync: what the page cache says may not
                             // be on disk (rule 15).
                             log::critical("database broken, stopping error=\"{}\"", why);
                             std::abort();
                         }});
    store::Readers readers(database, 3);
    if (auto known = remember_blob_place(writer, options); !known)
        throw StartError(known.error().message);
    make_first_token(writer, data, clock);
    const auto key_file = secrets::key_file(options.secrets_key, data);
    const auto keys = secrets::is_own_key_file(key_file, data)
                          ? secrets::KeyRing::load_or_make(key_file)
                          : secrets::KeyRing::load(key_file);
    if (!keys) throw StartError("cannot use the keys of the secrets: " + keys.error().message);
    core::IdTokens id_tokens(writer, *keys, clock);
    const auto loaded = load(writer, clock.now());

    core::LeaseTimes times;
    times.lease = std::chrono::seconds(options.lease_seconds);
    times.unstarted = std::chrono::seconds(options.unstarted_seconds);
    times.hold_room = std::chrono::seconds(options.hold_room_seconds);
    core::ServiceClock service(clock, loaded.service);
    core::LeaseTable leases;
    restore_leases(leases, loaded.live, times, loaded.service);
    core::EventFeed feed(loaded.newest);
    core::ProjectDirectory projects(loaded.projects);
    core::Scheduler scheduler(leases, service, clock, times);
    core::Lifecycle lifecycle(scheduler, leases, feed, service, clock);
    lifecycle.number_runs_after(loaded.newest_run);
    git::Options git_options;
    git_options.data = data;
    for (const auto& root : options.local_roots)
        git_options.local_roots.push_back(std::filesystem::absolute(root));
    git_options.allowed_hosts = options.allowed_git_hosts;
    git::GitService git(io.get_executor(), git_options);
    core::LfsObjects lfs({.executor = io.get_executor(),
                          .pool = lfs_pool,
                          .uploads = {writer, disk, blob_pool, blobs, clock},
                          .leases = leases,
                          .git = git.options(),
                          .most_bytes = static_cast<std::int64_t>(options.lfs_bytes)});
    core::PullRequests pull_requests(loaded.pull_requests);
    core::Schedules schedules(clock, timezone::find, loaded.schedules);
    core::Intake intake({io.get_executor(), writer, readers, db, git, lifecycle, projects,
                         pull_requests, schedules, clock});
    core::Ticker ticker({io.get_executor(), writer, intake, schedules, projects, clock});
    core::Gate gate({writer, readers, db, git, feed, clock});
    core::Growth growth({readers, db, git, projects});
    core::Outbox outbox({writer, readers, db, net, projects, clock, send_status,
                         [&gate](store::Project project, std::string sha, std::string branch) {
                             return gate.verdict(std::move(project), std::move(sha),
                                                 std::move(branch));
                         },
                         ""});
    core::Sweeper sweeper({writer, lifecycle, leases, service, clock});
    api::Authenticator auth(readers, db, leases, clock);
    logs::LogStore logs(data / "logs");
    logs::ReportStore report_files(data / "reports");
    core::ReportLists report_lists(report_files);
    core::Shells shells(writer, clock);
    core::AgentLogs agent_logs;
    core::BlobKeeper blob_keeper(
        {writer, readers, blob_pool, blobs, clock, static_cast<std::int64_t>(options.cache_bytes)});
    api::Api api{writer,
                 readers,
                 db,
                 disk,
                 blob_pool,
                 logs,
                 report_files,
                 report_lists,
                 blobs,
                 git,
                 lfs,
                 leases,
                 scheduler,
                 lifecycle,
                 feed,
                 intake,
                 schedules,
                 gate,
                 growth,
                 projects,
                 service,
                 clock,
                 auth,
                 *keys,
                 id_tokens,
                 shells,
                 agent_logs,
                 loaded.server_id,
                 options.public_url,
                 SLUICE_VERSION,
                 started};

    http::Router router(api::all_routes(api));
    const auto assets = ui_assets();
    router.set_fallback(http::static_files(assets));
    http::ServerOptions http;
    http.address = options.address;
    http.port = options.port;
    http.tls_certificate = options.tls_certificate;
    http.tls_key = options.tls_key;
    http.disk = &disk;
    auto server = listen(
        io.get_executor(), http,
        [&router](http::Request& request) { return router.handle(request); },
        last_port(data, "port"), "--listen");
    std::unique_ptr<http::Server> hook_server;
    if (options.hook_listen) {
        std::tie(http.address, http.port) = *options.hook_listen;
        http.tls_certificate.clear();
        http.tls_key.clear();
        hook_server = listen(
            io.get_executor(), http,
            [&router](http::Request& request) { return hooks_only(router, request); },
            last_port(data, "hook_port"), "--hook-listen");
        api.hook_listener = fmt::format("{}:{}", http.address, hook_server->port());
    }
    const std::string scheme = options.tls_certificate.empty() ? "http" : "https";
    const std::string url = fmt::format("{}://{}:{}", scheme, options.address, server->port());
    if (api.public_url.empty()) api.public_url = url;
    scheduler.set_dispatch(core::make_dispatch(lifecycle, projects, api.public_url));

    outbox.set_public_url(api.public_url);
    intake.set_public_url(api.public_url);
    lifecycle.set_reporter(
        [&outbox](store::Tx& tx, const store::Run& run) { outbox.report(tx, run); });
    lifecycle.set_job_reporter(
        [&outbox](store::Tx& tx, const store::Run& run) { outbox.report_gate(tx, run); });
    gate.set_reporter(
        [&outbox](store::Tx& tx, ProjectId project, const std::string& sha,
                  const std::string& branch) { outbox.report_gate(tx, project, sha, branch); });
    Scaler scaler({readers, db, scaling, scheduler, leases},
                  {options.scaler, std::chrono::seconds(options.scaler_interval), api.public_url});
    Duties duties(io);
    if (!options.scaler.empty()) duties.begin(scaler.run());
    duties.begin(sweeper.run());
    duties.begin(outbox.run());
    duties.begin(ticker.run());
    duties.begin(blob_keeper.run());
    duties.begin(shells.run());
    // Before anyone can know that we serve: a signal that comes then must find its handler.
    asio::signal_set signals(io, SIGTERM, SIGINT);
    server->start();
    if (hook_server) hook_server->start();
    intake.recover();
    json::Object about{{"url", api.public_url},
                       {"address", fmt::format("{}:{}", options.address, server->port())},
                       {"port", server->port()},
                       {"pid", static_cast<std::int64_t>(::getpid())},
                       {"version", SLUICE_VERSION}};
    if (hook_server) about["hook_port"] = hook_server->port();
    files::write_atomic(data / "server.json", json::serialize(about) + "\n", 0600).value();
    std::cout << "sluice-server " << SLUICE_VERSION << " serves " << url << " from "
              << data.string() << "\n"
              << std::flush;
    log::info("serving url={} live_attempts={} projects={}", url, loaded.live.size(),
              loaded.projects.size());

    std::unique_ptr<EmbeddedAgent> agent;
    if (options.embedded_agent) {
        EmbeddedAgent::Options embedded;
        embedded.program =
            options.agent_program.empty()
                ? std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sluice-agent"
                : files::Path(options.agent_program);
        embedded.dir = data / "agent";
        embedded.url = url;
        embedded.ca_file = options.tls_certificate;
        embedded.capacity = options.embedded_capacity;
        embedded.enrolment = [&writer, &clock] {
            auto token = crypto::random_token();
            auto insert = [&](store::Tx& tx) -> Result<> {
                store::insert_enrolment(tx, identity::token_hash(token), "[]",
                                        {clock.now().ms + 60'000});
                return {};
            };
            writer.write_blocking(insert).value();
            return token;
        };
        agent = std::make_unique<EmbeddedAgent>(std::move(embedded));
    }

    // Connections and coroutines end by themselves; who does not within the grace is left behind
    // with the context.
    std::mutex ended_mutex;
    std::condition_variable ended_wake;
    bool ended = false;
    std::thread patience;
    signals.async_wait([&](const boost::system::error_code& failed, int number) {
        if (failed) return;
        log::info("stopping signal={}", number);
        api.stopping = true;
        if (*object_store) (*object_store)->stop();
        scheduler.wake_all();
        shells.wake_all();
        feed.signal().notify();
        server->stop(std::chrono::milliseconds(2000));
        if (hook_server) hook_server->stop(std::chrono::milliseconds(2000));
        git.stop();
        lfs.stop();
        duties.stop();
        patience = std::thread([&] {
            agent.reset();
            std::unique_lock waiting(ended_mutex);
            if (!ended_wake.wait_for(waiting, std::chrono::milliseconds(2500),
                                     [&] { return ended; }))
                io.stop();
        });
    });

    std::vector<std::thread> threads;
    for (int i = 1; i < options.io_threads; ++i)
        threads.emplace_back([&io, i] {
            pthread_setname_np(pthread_self(), fmt::format("io-{}", i).c_str());
            io.run();
        });
    io.run();
    for (auto& thread : threads) thread.join();
    {
        std::lock_guard setting(ended_mutex);
        ended = true;
    }
    ended_wake.notify_all();
    if (patience.joinable()) patience.join();
    agent.reset();
    log::info("stopped");
}

}  // namespace

int run(const Options& options) {
    log::set_level(log::level_from(options.log_level).value_or(log::Level::info));
    ::umask(0077);
    rlimit files_limit{};
    if (::getrlimit(RLIMIT_NOFILE, &files_limit) == 0) {
        files_limit.rlim_cur = files_limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files_limit);
    }
    try {
        crypto::init();
        http_client::init_client();
        serve(options);
        return 0;
    } catch (const StartError& failed) {
        std::cerr << "sluice-server: " << failed.what() << "\n";
        return 2;
    } catch (const std::exception& failed) {
        std::cerr << "sluice-server: " << failed.what() << "\n";
        return 1;
    }
}

}  // namespace sluice::server
