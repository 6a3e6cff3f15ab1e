#include "server/api/api.hpp"
#include "server/api/views.hpp"
#include "server/identity/credentials.hpp"

#include "platform/crypto.hpp"

namespace sluice::api {

namespace {

constexpr Duration k_seen_within{90'000};
constexpr std::int64_t k_enrolment_life_ms = 3'600'000;

json::Value shown(const Api& api, const store::Agent& agent) {
    return view(agent, api.scheduler.online(agent.id, k_seen_within), api.leases.jobs_of(agent.id));
}

awaitable<Reply> list(Api& api) {
    auto read = [](store::Tx& tx) { return store::all_agents(tx); };
    auto agents = co_await api.read(std::move(read));
    json::Array out;
    for (const auto& agent : agents) out.push_back(shown(api, agent));
    co_return json_reply(json::Object{{"agents", std::move(out)}});
}

awaitable<Reply> set_draining(Api& api, Request& request, const Principal& who, bool draining) {
    auto id = path_id<AgentId>(request, "agent");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, draining, by = who.name](store::Tx& tx) -> Result<store::Agent> {
        auto agent = store::find_agent(tx, id);
        if (!agent) return error(Code::not_found, "not_found", "no such agent", "agent");
        store::set_agent_draining(tx, id, draining);
        store::insert_audit(tx, api.clock.now(), by, draining ? "agent.drain" : "agent.resume",
                            agent->name, "");
        api.feed.publish(
            tx,
            {{}, "agent.changed", {}, {}, {}, draining ? "draining" : "online", api.clock.now()});
        agent->draining = draining;
        tx.after_commit([&api, id] {
            api.auth.forget();
            api.scheduler.release(id);
        });
        return *agent;
    };
    auto agent = co_await api.writer.write(std::move(change));
    if (!agent) co_return http::error_reply(agent.error());
    co_return json_reply(shown(api, *agent));
}

awaitable<Reply> create_enrolment(Api& api, Request& request, const Principal& who) {
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    auto labels = reader.strings_or_empty("labels", 64);
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    json::Array granted;
    for (const auto& label : labels) {
        if (label.empty() || label.size() > 100 || label.find(',') != std::string::npos)
            co_return http::error_reply(error(Code::invalid, "bad_label",
                                              "a label is 1 to 100 characters without a comma",
                                              "/labels"));
        granted.push_back(boost::json::string(label));
    }
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
        person(
            api, Method::post, "/api/v1/agents/{agent}/resume", Role::admin,
            [&api](Request& r, const Principal& who) { return set_draining(api, r, who, false); }),
    };
}

}  // namespace sluice::api
