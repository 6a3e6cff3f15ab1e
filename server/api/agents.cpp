#include "server/api/api.hpp"
#include "server/api/views.hpp"
#include "server/identity/credentials.hpp"

#include "platform/crypto.hpp"

namespace sluice::api {

namespace {

constexpr Duration k_seen_within{90'000};
constexpr std::int64_t k_enrolment_life_ms = 3'600'000;

json::Value shown(const Api& api, const store::Agent& agent, const AgentResources& resources) {
    return view(agent, api.scheduler.online(agent.id, k_seen_within), api.leases.jobs_of(agent.id),
                resources);
}

AgentResources resources_of(store::Tx& tx, AgentId agent) {
    return {store::capacity_of(tx, agent), store::reservations_of(tx, agent, {})};
}

awaitable<Reply> list(Api& api) {
    auto read = [](store::Tx& tx) {
        std::vector<std::pair<store::Agent, AgentResources>> found;
        for (auto& agent : store::all_agents(tx)) {
            auto resources = resources_of(tx, agent.id);
            found.emplace_back(std::move(agent), std::move(resources));
        }
        return found;
    };
    auto agents = co_await api.read(std::move(read));
    json::Array out;
    for (const auto& [agent, resources] : agents) out.push_back(shown(api, agent, resources));
    co_return json_reply(json::Object{{"agents", std::move(out)}});
}

/// One change of an agent by a person, as it is written down.
struct Change {
    std::string action;  ///< for the audit trail
    std::string detail;
    std::string state;  ///< what the event stream tells; "" = the old one
    /// Changes the agent, in the store and as it is shown.
    std::function<void(store::Tx&, store::Agent&)> apply;
};

awaitable<Reply> change_agent(Api& api, Request& request, const Principal& who, Change change) {
    auto id = path_id<AgentId>(request, "agent");
    if (!id) co_return http::error_reply(id.error());
    struct Changed {
        store::Agent agent;
        AgentResources resources;
    };
    auto work = [&api, id = *id, by = who.name,
                 change = std::move(change)](store::Tx& tx) -> Result<Changed> {
        auto agent = store::find_agent(tx, id);
        if (!agent) return error(Code::not_found, "not_found", "no such agent", "agent");
        change.apply(tx, *agent);
        store::insert_audit(tx, api.clock.now(), by, change.action, agent->name, change.detail);
        api.feed.publish(tx, {{}, "agent.changed", {}, {}, {}, change.state, api.clock.now()});
        // It claims anew, as it is now.
        tx.after_commit([&api, id] {
            api.auth.forget();
            api.scheduler.release(id);
        });
        return Changed{*agent, resources_of(tx, id)};
    };
    auto changed = co_await api.writer.write(std::move(work));
    if (!changed) co_return http::error_reply(changed.error());
    co_return json_reply(shown(api, changed->agent, changed->resources));
}

awaitable<Reply> drain(Api& api, Request& request, const Principal& who) {
    Change change{"agent.drain", "", "draining", [](store::Tx& tx, store::Agent& agent) {
                      store::set_agent_draining(tx, agent.id, true);
                      agent.draining = true;
                  }};
    co_return co_await change_agent(api, request, who, std::move(change));
}

awaitable<Reply> resume(Api& api, Request& request, const Principal& who) {
    Change change{"agent.resume", "", "online", [](store::Tx& tx, store::Agent& agent) {
                      store::set_agent_draining(tx, agent.id, false);
                      store::set_agent_paused(tx, agent.id, false);
                      agent.draining = agent.paused = false;
                  }};
    co_return co_await change_agent(api, request, who, std::move(change));
}

awaitable<Reply> pause(Api& api, Request& request, const Principal& who) {
    Change change{"agent.pause", "", "paused", [](store::Tx& tx, store::Agent& agent) {
                      store::set_agent_paused(tx, agent.id, true);
                      agent.paused = true;
                  }};
    co_return co_await change_agent(api, request, who, std::move(change));
}

/// What its daemon has said lately.
awaitable<Reply> log(Api& api, Request& request) {
    auto id = path_id<AgentId>(request, "agent");
    if (!id) co_return http::error_reply(id.error());
    auto read = [id = *id](store::Tx& tx) { return store::find_agent(tx, id); };
    const auto agent = co_await api.read(std::move(read));
    if (!agent)
        co_return http::error_reply(error(Code::not_found, "not_found", "no such agent", "agent"));
    json::Array lines;
    for (const std::string& line : api.agent_logs.lines(*id))
        lines.push_back(boost::json::string(line));
    co_return json_reply(json::Object{{"lines", std::move(lines)}});
}

/// The labels of a body, as they are stored.
Result<json::Array> read_labels(const json::Value& body) {
    json::ObjectReader reader(body, "");
    const auto labels = reader.strings_or_empty("labels", 64);
    SLUICE_CHECK(reader.finish_strict());
    json::Array out;
    for (const auto& label : labels) {
        if (label.empty() || label.size() > 100 || label.find(',') != std::string::npos)
            return error(Code::invalid, "bad_label",
                         "a label is 1 to 100 characters without a comma", "/labels");
        out.push_back(boost::json::string(label));
    }
    return out;
}

awaitable<Reply> set_labels(Api& api, Request& request, const Principal& who) {
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    auto labels = read_labels(*body);
    if (!labels) co_return http::error_reply(labels.error());
    const std::string text = json::serialize(*labels);
    Change change{"agent.labels", text, "", [text](store::Tx& tx, store::Agent& agent) {
                      store::set_agent_labels(tx, agent.id, text);
                      agent.labels = text;
                  }};
    co_return co_await change_agent(api, request, who, std::move(change));
}

awaitable<Reply> create_enrolment(Api& api, Request& request, const Principal& who) {
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    auto read = read_labels(*body);
    if (!read) co_return http::error_reply(read.error());
    json::Array granted = std::move(*read);
    const auto token = crypto::random_token();
    const Timestamp expires{api.clock.now().ms + k_enrolment_life_ms};
    auto insert = [&api, hash = identity::token_hash(token), labels = json::serialize(granted),
                   expires, by = who.name](store::Tx& tx) -> Result<> {
        store::insert_enrolment(tx, hash, labels, expires);
        store::insert_audit(tx, api.clock.now(), by, "agent.enrolment_token", "", labels);
        return {};
    };
    auto done = co_await api.writer.write(std::move(insert));
    if (!done) co_return http::error_reply(done.error());
    co_return json_reply(json::Object{{"token", token},
                                      {"labels", std::move(granted)},
                                      {"expires_at", format_timestamp(expires)}},
                         201);
}

}  // namespace

std::vector<http::Route> agent_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/agents", Role::read,
               [&api](Request&, const Principal&) { return list(api); }),
        person(api, Method::post, "/api/v1/agents/enrolment-tokens", Role::admin,
               [&api](Request& r, const Principal& who) { return create_enrolment(api, r, who); }),
        person(api, Method::post, "/api/v1/agents/{agent}/drain", Role::admin,
               [&api](Request& r, const Principal& who) { return drain(api, r, who); }),
        person(api, Method::post, "/api/v1/agents/{agent}/pause", Role::admin,
               [&api](Request& r, const Principal& who) { return pause(api, r, who); }),
        person(api, Method::post, "/api/v1/agents/{agent}/resume", Role::admin,
               [&api](Request& r, const Principal& who) { return resume(api, r, who); }),
        person(api, Method::put, "/api/v1/agents/{agent}/labels", Role::admin,
               [&api](Request& r, const Principal& who) { return set_labels(api, r, who); }),
        person(api, Method::get, "/api/v1/agents/{agent}/log", Role::write,
               [&api](Request& r, const Principal&) { return log(api, r); }),
    };
}

}  // namespace sluice::api
