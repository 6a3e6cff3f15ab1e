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

/// An agent after a change, as shown() wants it.
struct Changed {
    store::Agent agent;
    AgentResources resources;
};

awaitable<Reply> set_draining(Api& api, Request& request, const Principal& who, bool draining) {
    auto id = path_id<AgentId>(request, "agent");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, draining, by = who.name](store::Tx& tx) -> Result<Changed> {
        auto agent = store::find_agent(tx, id);
        if (!agent) return error(Code::not_found, "not_found", "no such agent", "agent");
        store::set_agent_draining(tx, id, draining);
        if (!draining) store::set_agent_paused(tx, id, false);
        store::insert_audit(tx, api.clock.now(), by, draining ? "agent.drain" : "agent.resume",
                            agent->name, "");
        api.feed.publish(
            tx,
            {{}, "agent.changed", {}, {}, {}, draining ? "draining" : "online", api.clock.now()});
        agent->draining = draining;
        if (!draining) agent->paused = false;
        tx.after_commit([&api, id] {
            api.auth.forget();
            api.scheduler.release(id);
        });
        return Changed{*agent, resources_of(tx, id)};
    };
    auto changed = co_await api.writer.write(std::move(change));
    if (!changed) co_return http::error_reply(changed.error());
    co_return json_reply(shown(api, changed->agent, changed->resources));
}

awaitable<Reply> set_paused(Api& api, Request& request, const Principal& who) {
    auto id = path_id<AgentId>(request, "agent");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<Changed> {
        auto agent = store::find_agent(tx, id);
        if (!agent) return error(Code::not_found, "not_found", "no such agent", "agent");
        store::set_agent_paused(tx, id, true);
        store::insert_audit(tx, api.clock.now(), by, "agent.pause", agent->name, "");
        api.feed.publish(tx, {{}, "agent.changed", {}, {}, {}, "paused", api.clock.now()});
        agent->paused = true;
        tx.after_commit([&api, id] {
            api.auth.forget();
            api.scheduler.release(id);
        });
        return Changed{*agent, resources_of(tx, id)};
    };
    auto changed = co_await api.writer.write(std::move(change));
    if (!changed) co_return http::error_reply(changed.error());
    co_return json_reply(shown(api, changed->agent, changed->resources));
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
    auto id = path_id<AgentId>(request, "agent");
    if (!id) co_return http::error_reply(id.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    auto labels = read_labels(*body);
    if (!labels) co_return http::error_reply(labels.error());
    auto change = [&api, id = *id, text = json::serialize(*labels),
                   by = who.name](store::Tx& tx) -> Result<Changed> {
        auto agent = store::find_agent(tx, id);
        if (!agent) return error(Code::not_found, "not_found", "no such agent", "agent");
        store::set_agent_labels(tx, id, text);
        store::insert_audit(tx, api.clock.now(), by, "agent.labels", agent->name, text);
        api.feed.publish(tx, {{}, "agent.changed", {}, {}, {}, "", api.clock.now()});
        agent->labels = text;
        // It claims anew, with the new labels.
        tx.after_commit([&api, id] {
            api.auth.forget();
            api.scheduler.release(id);
        });
        return Changed{*agent, resources_of(tx, id)};
    };
    auto changed = co_await api.writer.write(std::move(change));
    if (!changed) co_return http::error_reply(changed.error());
    co_return json_reply(shown(api, changed->agent, changed->resources));
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
        person(
            api, Method::post, "/api/v1/agents/{agent}/drain", Role::admin,
            [&api](Request& r, const Principal& who) { return set_draining(api, r, who, true); }),
        person(api, Method::post, "/api/v1/agents/{agent}/pause", Role::admin,
               [&api](Request& r, const Principal& who) { return set_paused(api, r, who); }),
        person(api, Method::put, "/api/v1/agents/{agent}/labels", Role::admin,
               [&api](Request& r, const Principal& who) { return set_labels(api, r, who); }),
        person(
            api, Method::post, "/api/v1/agents/{agent}/resume", Role::admin,
            [&api](Request& r, const Principal& who) { return set_draining(api, r, who, false); }),
    };
}

}  // namespace sluice::api
