#include "pipelines/protocol/agent.hpp"
#include "pipelines/protocol/hello.hpp"

#include "platform/failpoint.hpp"
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/api/report_base.hpp"
#include "server/identity/credentials.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"
#include "platform/log.hpp"

#include <charconv>
#include <filesystem>

namespace sluice::api {

namespace {

constexpr Duration k_poll_max{60'000};
constexpr std::size_t k_log_piece = 256 * 1024;
constexpr std::size_t k_finish_max = 8 << 20;
constexpr int k_log_rewinds_max = 3;
/// Every line full of characters that JSON escapes.
constexpr std::size_t k_agent_log_max =
    protocol::k_agent_log_lines * (protocol::k_agent_log_line_max * 6 + 8);

template <class T, class Parse>
awaitable<Result<T>> parsed_body(Request& request, Parse parse, std::size_t max_bytes = 1 << 20) {
    SLUICE_CO_TRY(auto value, co_await json_body(request, max_bytes));
    co_return parse(value);
}

std::set<std::string> effective_labels(const store::Agent& agent,
                                       const std::vector<std::string>& executors) {
    std::set<std::string> labels{"os=" + agent.os, "arch=" + agent.arch, "host=" + agent.host};
    for (const std::string& executor : executors) labels.insert("executor=" + executor);
    if (auto value = json::parse(agent.labels); value && value->is_array())
        for (const auto& label : value->as_array())
            if (label.is_string()) labels.insert(std::string(label.as_string()));
    return labels;
}

// ---- register
// -----------------------------------------------------------------------------------------------------

Error other_protocol(int version) {
    const auto ours = std::to_string(protocol::k_version), theirs = std::to_string(version);
    return error(Code::upgrade_required, "upgrade_required",
                 "this server speaks agent protocol " + ours + ", the agent " + theirs +
                     ": install " + (version < protocol::k_version ? "a newer" : "an older") +
                     " sluice-agent, the one of server version " + SLUICE_VERSION +
                     ", and start it on the same folder; its identity and running jobs stay");
}

awaitable<Reply> hello(Api& api, Request& request) {
    auto agent = co_await api.auth.agent(request);
    if (!agent) co_return http::error_reply(agent.error());
    auto body = co_await parsed_body<protocol::HelloRequest>(request, protocol::parse_hello);
    if (!body) co_return http::error_reply(body.error());
    if (body->protocol != protocol::k_version)
        co_return http::error_reply(other_protocol(body->protocol));
    auto keep = [&api, id = agent->id, body = *body](store::Tx& tx) -> Result<> {
        store::set_agent_facts(tx, id, body.build, json::serialize(to_json(body.facts)));
        store::set_agent_seen(tx, id, api.clock.now());
        api.feed.publish(tx, {{}, "agent.changed", {}, {}, {}, "online", api.clock.now()});
        return {};
    };
    auto kept = co_await api.writer.write(std::move(keep));
    if (!kept) co_return http::error_reply(kept.error());
    co_return json_reply(to_json(protocol::HelloReply{agent->name, api.version}));
}

awaitable<Reply> take_log(Api& api, Request& request) {
    auto agent = co_await api.auth.agent(request);
    if (!agent) co_return http::error_reply(agent.error());
    auto body = co_await parsed_body<protocol::AgentLogLines>(request, protocol::parse_agent_log,
                                                              k_agent_log_max);
    if (!body) co_return http::error_reply(body.error());
    co_return json_reply(to_json(api.agent_logs.take(agent->id, std::move(*body))));
}

awaitable<Reply> register_agent(Api& api, Request& request) {
    auto wanted =
        co_await parsed_body<protocol::RegisterRequest>(request, protocol::parse_register);
    if (!wanted) co_return http::error_reply(wanted.error());
    if (wanted->protocol != protocol::k_version)
        co_return http::error_reply(other_protocol(wanted->protocol));
    const auto token = crypto::random_token();
    auto enrol = [&api, body = *wanted,
                  hash = identity::token_hash(token)](store::Tx& tx) -> Result<store::Agent> {
        auto enrolment = store::find_enrolment(tx, identity::token_hash(body.token));
        if (!enrolment)
            return error(Code::unauthorized, "enrolment_unknown",
                         "the enrolment token is unknown; make one with `sluice agent enrol-token`",
                         "/token");
        if (enrolment->expires_at < api.clock.now())
            return error(Code::unauthorized, "enrolment_expired",
                         "the enrolment token has expired; make a new one", "/token");
        if (!enrolment->install_id.empty() && enrolment->install_id != body.install_id)
            return error(Code::unauthorized, "enrolment_used",
                         "the enrolment token has been used by another agent", "/token");
        store::use_enrolment(tx, enrolment->id, body.install_id);
        store::Agent agent;
        if (auto known = store::find_agent_by_install(tx, body.install_id)) agent = *known;
        agent.install_id = body.install_id;
        agent.token_hash = hash;
        agent.labels = enrolment->labels;
        agent.os = body.os;
        agent.arch = body.arch;
        agent.host = body.host;
        agent.build = body.build;
        agent.capacity = body.cpus;
        if (agent.id) {
            store::update_agent_registration(tx, agent);
        } else {
            agent.name = body.name.empty() ? body.host : body.name;
            for (int n = 2; store::agent_name_taken(tx, agent.name); ++n)
                agent.name = (body.name.empty() ? body.host : body.name) + "-" + std::to_string(n);
            agent.created_at = api.clock.now();
            agent.id = store::insert_agent(tx, agent);
        }
        store::insert_audit(tx, api.clock.now(), "enrolment", "agent.register", agent.name,
                            body.install_id);
        api.feed.publish(tx, {{}, "agent.changed", {}, {}, {}, "offline", api.clock.now()});
        tx.after_commit([&api] { api.auth.forget(); });
        return agent;
    };
    auto agent = co_await api.writer.write(std::move(enrol));
    if (!agent) co_return http::error_reply(agent.error());
    protocol::RegisterReply reply;
    reply.agent = agent->id;
    reply.token = token;
    reply.name = agent->name;
    reply.server_id = api.server_id;
    const auto labels =
        json::parse(agent->labels).value();  // named: a range-for keeps no temporary alive
    for (const auto& label : labels.as_array()) reply.labels.emplace_back(label.as_string());
    co_return json_reply(protocol::to_json(reply));
}

// ---- claim
// --------------------------------------------------------------------------------------------------------

awaitable<Reply> claim(Api& api, Request& request) {
    auto agent = co_await api.auth.agent(request);
    if (!agent) co_return http::error_reply(agent.error());
    auto body = co_await parsed_body<protocol::ClaimRequest>(request, protocol::parse_claim);
    if (!body) co_return http::error_reply(body.error());
    if (body->wait > k_poll_max) body->wait = k_poll_max;

    auto parked = std::make_shared<core::ParkedClaim>();
    parked->who = {agent->id, agent->name, effective_labels(*agent, body->executors),
                   agent->draining || agent->paused};
    parked->session = body->session;
    parked->seq = body->seq;
    parked->free = body->free;
    auto version = parked->changed.version();
    const bool was_online = api.scheduler.online(agent->id, Duration{90'000});
    auto lease = [&api, body = *body, parked, agent = *agent,
                  was_online](store::Tx& tx) -> Result<std::vector<protocol::ClaimedJob>> {
        SLUICE_TRY(auto jobs, api.scheduler.claim(tx, body, parked));
        if (!was_online) {
            store::set_agent_seen(tx, agent.id, api.clock.now());
            api.feed.publish(tx, {{}, "agent.changed", {}, {}, {}, "online", api.clock.now()});
        }
        if (!jobs.empty()) failpoint::hit("claim", "in");
        return jobs;
    };
    auto jobs = co_await api.writer.write(std::move(lease));
    if (!jobs) co_return http::error_reply(jobs.error());
    if (!jobs->empty()) failpoint::hit("claim", "after_commit");
    // A client that hangs up ends this coroutine at its wait: the claim must not stay behind and
    // swallow a job.
    struct Unpark {
        core::Scheduler& scheduler;
        std::shared_ptr<core::ParkedClaim> claim;
        ~Unpark() { scheduler.unpark(claim); }
    } unpark{api.scheduler, parked};
    if (jobs->empty() && body->wait.count() > 0) {
        const auto until = std::chrono::steady_clock::now() + body->wait;
        while (true) {
            const auto state = api.scheduler.state(parked);
            if (state == core::ParkedClaim::State::answered) {
                *jobs = api.scheduler.take(parked);
                break;
            }
            if (state == core::ParkedClaim::State::superseded)
                co_return http::error_reply(
                    error(Code::conflict, "session_superseded",
                          "another daemon claims with this agent's identity; this one must stop"));
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                until - std::chrono::steady_clock::now());
            if ((left.count() <= 0 || state == core::ParkedClaim::State::gone || api.stopping) &&
                api.scheduler.unpark(parked))
                break;
            // Reserved: a commit is about to answer; or time is left.
            co_await parked->changed.wait(version,
                                          left.count() > 0 ? left : std::chrono::milliseconds(50));
            version = parked->changed.version();
        }
    }
    api.scheduler.saw(agent->id);
    if (jobs->empty()) co_return Reply{204, "", {}, std::string{}};
    co_return json_reply(protocol::to_json(protocol::ClaimReply{std::move(*jobs)}));
}

// ---- attempts
// -----------------------------------------------------------------------------------------------------

awaitable<Reply> start(Api& api, Request& request, AttemptId id) {
    auto body = co_await parsed_body<protocol::StartRequest>(request, protocol::parse_start);
    if (!body) co_return http::error_reply(body.error());
    auto change = [&api, id, instance = body->runner_instance](store::Tx& tx) -> Result<> {
        auto started = api.lifecycle.start(tx, id, instance);
        failpoint::hit("start", "in");
        return started;
    };
    auto done = co_await api.writer.write(std::move(change));
    failpoint::hit("start", "after_commit");
    if (!done) co_return http::error_reply(done.error());
    co_return json_reply(json::Object{});
}

awaitable<Reply> renew(Api& api, Request& request, AttemptId id) {
    auto body = co_await parsed_body<protocol::RenewRequest>(request, protocol::parse_renew);
    if (!body) co_return http::error_reply(body.error());
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    // Salvage holds an un-started lease too, so it is extended as well; the cap of rule 11 holds
    // for started ones.
    const auto lease = api.scheduler.times().lease;
    if (body->usage) api.leases.add_usage(id, *body->usage);
    api.leases.extend(id, api.service.now(), lease);
    const auto until = std::chrono::steady_clock::now() + std::min(body->wait, Duration{lease / 3});
    while (true) {
        const auto seen = live->cancelled->version();
        auto now = api.leases.find(id);
        if (!now) co_return lease_lost();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        if (now->cancel || left.count() <= 0 || api.stopping) {
            protocol::RenewReply reply;
            reply.lease = lease;
            reply.cancel = now->cancel;
            reply.reason = now->cancel_reason;
            co_return json_reply(protocol::to_json(reply));
        }
        co_await live->cancelled->wait(seen, left);
    }
}

Reply log_reply(const core::LiveAttempt* live, std::int64_t offset, int status) {
    protocol::LogReply reply;
    reply.offset = offset;
    reply.cancel = live && live->cancel;
    return json_reply(protocol::to_json(reply), status);
}

awaitable<Reply> append_log(Api& api, Request& request, AttemptId id) {
    const auto header = request.header("upload-offset");
    std::int64_t offset = -1;
    auto [end, failed] = std::from_chars(header.data(), header.data() + header.size(), offset);
    if (header.empty() || failed != std::errc{} || end != header.data() + header.size() ||
        offset < 0)
        co_return http::error_reply(
            error(Code::invalid, "bad_offset", "send Upload-Offset: <bytes>", "upload-offset"));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    std::vector<char> buffer(k_log_piece);
    std::int64_t size = api.logs.size(id);
    // The first bytes are written at once, later ones by full buffers: a tail sees a line as soon
    // as it is here.
    std::size_t filled = 0;
    bool ended = false;
    while (!ended) {
        while (filled < buffer.size()) {
            const std::span<char> room(buffer.data() + filled, buffer.size() - filled);
            auto got = co_await request.body->read_some(room);
            if (!got) co_return http::error_reply(got.error());
            ended = *got == 0;
            filled += *got;
            if (ended || filled >= 16 * 1024) break;
        }
        if (filled == 0) break;
        auto write = [&api, id, offset, bytes = std::string_view(buffer.data(), filled)] {
            auto written = api.logs.append(id, offset, bytes);
            failpoint::hit("log", "in");
            return written;
        };
        auto appended = co_await runtime::run_on(api.disk, std::move(write));
        if (!appended)
            co_return http::error_reply(
                error(Code::unavailable, appended.error().id,
                      "the log could not be written: " + appended.error().message));
        size = appended->size;
        if (appended->gap) co_return log_reply(&*live, size, 409);
        offset += static_cast<std::int64_t>(filled);
        filled = 0;
        live->log_grew->notify();
    }
    api.leases.extend(id, api.service.now(), api.scheduler.times().lease);
    failpoint::hit("log", "after_commit");
    auto now = api.leases.find(id);
    co_return log_reply(now ? &*now : nullptr, size, 200);
}

awaitable<Reply> progress(Api& api, Request& request, AttemptId id) {
    auto body = co_await parsed_body<protocol::ProgressRequest>(request, protocol::parse_progress);
    if (!body) co_return http::error_reply(body.error());
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    api.leases.set_steps(id, std::move(body->steps));
    // Watchers learn of it behind the reply: nothing of progress is worth a wait for the writer
    // (rule 26).
    api.writer.write_behind([&api, live = *live](store::Tx& tx) -> Result<> {
        auto run = store::find_run(tx, live.run);
        if (run)
            api.feed.publish(
                tx,
                {{}, "job.changed", run->project, live.run, live.job, "running", api.clock.now()});
        return {};
    });
    co_return Reply{204, "", {}, std::string{}};
}

awaitable<Reply> finish(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string text, co_await request.body->read_all(k_finish_max));
    SLUICE_CO_TRY_REPLY(auto value, json::parse(text, {.bytes = k_finish_max, .depth = 16}));
    SLUICE_CO_TRY_REPLY(auto body, protocol::parse_finish(value));
    const auto live = co_await live_or_revived(api, id);
    const auto digest = crypto::sha256_hex(text);
    // The log first, then the state (rule 12). An attempt that has ended keeps its log as it is;
    // lifecycle answers for it.
    const bool silent = live && !live->restored && body.log_size == 0 && body.inline_log.empty() &&
                        !api.logs.known(id);
    if (live && !silent) {
        struct Checked {
            bool good = false;
            std::int64_t size = 0;
        };
        auto check = [&api, id, &body]() -> Result<Checked> {
            if (!body.inline_log.empty() || body.inline_log_offset) {
                SLUICE_TRY(auto appended, api.logs.append(id, body.inline_log_offset.value_or(0),
                                                          body.inline_log));
                if (appended.gap) return Checked{false, appended.size};
            }
            SLUICE_TRY(const bool good, api.logs.verify(id, body.log_size, body.log_crc32c));
            return Checked{good, api.logs.size(id)};
        };
        auto checked = co_await runtime::run_on(api.disk, std::move(check));
        if (!checked)
            co_return http::error_reply(
                error(Code::unavailable, checked.error().id,
                      "the log could not be written: " + checked.error().message));
        if (!checked->good && checked->size < body.log_size)
            co_return log_reply(&*live, checked->size, 409);
        if (!checked->good) {
            if (api.leases.count_rewind(id) < k_log_rewinds_max) {
                auto rewind = [&api, id] { return api.logs.rewind(id); };
                (void)co_await runtime::run_on(api.disk, std::move(rewind));
                log::warn("log mismatch, asked for it again attempt={}", id.value);
                co_return log_reply(&*live, 0, 409);
            }
            log::error("log damaged attempt={} size={} told={}", id.value, checked->size,
                       body.log_size);
            body.reports.problems.push_back(
                "log_damaged: the log differs from what the runner sent");
        }
        if (body.log_size > 0) live->log_grew->notify();
    }
    auto state = co_await finish_attempt(api, id, std::move(body), digest);
    if (!state) co_return http::error_reply(state.error());
    failpoint::hit("finish", "after_commit");
    api.logs.close(id);
    co_return json_reply(protocol::to_json(protocol::FinishReply{*state}));
}

awaitable<Reply> release(Api& api, Request&, AttemptId id) {
    auto change = [&api, id](store::Tx& tx) -> Result<bool> {
        return api.scheduler.give_back(tx, id);
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    if (!*done) co_return lease_lost();
    co_return Reply{204, "", {}, std::string{}};
}

}  // namespace

http::Route lease_route(Api& api, http::Method method, std::string pattern, LeaseHandler handler) {
    http::Handler bound = [&api,
                           handler = std::move(handler)](Request& request) -> awaitable<Reply> {
        auto id = path_id<AttemptId>(request, "attempt");
        if (!id) co_return http::error_reply(id.error());
        auto allowed = co_await api.auth.lease(request, *id);
        if (!allowed) co_return http::error_reply(allowed.error());
        co_return co_await handler(request, *id);
    };
    return {method, std::move(pattern), http::Auth::lease, std::move(bound)};
}

Reply lease_lost() {
    return http::error_reply(
        error(Code::lease_lost, "lease_lost", "the attempt is over; stop the job and clean up"));
}

awaitable<std::optional<core::LiveAttempt>> live_or_revived(Api& api, AttemptId id) {
    if (auto live = api.leases.find(id)) co_return live;
    auto revive = [&api, id](store::Tx& tx) -> Result<bool> {
        return api.lifecycle.revive(tx, id);
    };
    // Its answer does not matter: of two calls that come at once the second finds nothing to
    // revive.
    (void)co_await api.writer.write(std::move(revive));
    co_return api.leases.find(id);
}

std::vector<http::Route> protocol_routes(Api& api) {
    using http::Method;
    const std::string base = "/agent/v1/attempts/{attempt}/";
    return {
        {Method::post, "/agent/v1/register", http::Auth::none,
         [&api](Request& r) { return register_agent(api, r); }},
        {Method::post, "/agent/v1/hello", http::Auth::agent,
         [&api](Request& r) { return hello(api, r); }},
        {Method::post, "/agent/v1/log", http::Auth::agent,
         [&api](Request& r) { return take_log(api, r); }},
        {Method::post, "/agent/v1/claim", http::Auth::agent,
         [&api](Request& r) { return claim(api, r); }},
        lease_route(api, Method::post, base + "start",
                    [&api](Request& r, AttemptId id) { return start(api, r, id); }),
        lease_route(api, Method::post, base + "renew",
                    [&api](Request& r, AttemptId id) { return renew(api, r, id); }),
        lease_route(api, Method::patch, base + "log",
                    [&api](Request& r, AttemptId id) { return append_log(api, r, id); }),
        lease_route(api, Method::post, base + "progress",
                    [&api](Request& r, AttemptId id) { return progress(api, r, id); }),
        lease_route(api, Method::post, base + "finish",
                    [&api](Request& r, AttemptId id) { return finish(api, r, id); }),
        lease_route(api, Method::post, base + "release",
                    [&api](Request& r, AttemptId id) { return release(api, r, id); }),
    };
}

}  // namespace sluice::api
