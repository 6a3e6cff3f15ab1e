// Secrets of an attempt, for its runner: after start, sealed to a key of that call, each one
// audited.
#include "pipelines/protocol/secrets.hpp"

#include "platform/log.hpp"
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/core/secret_grants.hpp"
#include "server/store/attempts.hpp"
#include "server/store/events.hpp"
#include "server/store/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::api {

namespace {

struct Given {
    core::Grants grants;
    std::map<std::string, json::Object> tokens;  ///< claims by variable
};

/// What the job of a running attempt may have; the reading is written down before it is answered.
Result<Given> granted(Api& api, store::Tx& tx, AttemptId id,
                      const protocol::SecretsRequest& asked) {
    const auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state != model::AttemptState::running ||
        attempt->runner_instance != asked.runner_instance)
        return error(Code::conflict, "not_started",
                     "secrets are given to the runner that has started the attempt, while it runs");
    const auto run = store::find_run(tx, attempt->run).value();
    const auto job = store::find_job(tx, attempt->job).value();
    const auto planned = api.lifecycle.plan_of(tx, attempt->run);
    const auto index = static_cast<std::size_t>(
        std::find(planned->ids.begin(), planned->ids.end(), job.id) - planned->ids.begin());
    const auto& spec = planned->jobs.at(index).spec;
    Given out{core::grants_of(tx, run, planned->event, spec), {}};
    auto& grants = out.grants;
    // Policy and scope may have changed since the job was let through.
    if (!grants.missing.empty())
        return error(Code::forbidden, "secret_denied", grants.missing.front());
    if (asked.only_tokens) grants.given.clear();
    const auto note = [&](std::string_view action, const std::string& subject) {
        store::insert_audit(
            tx, api.clock.now(), "attempt " + std::to_string(id.value), action, subject,
            fmt::format("run={} job={} agent={}", run.id.value, job.key, job.agent));
    };
    for (const auto& [name, secret] : grants.given)
        note("secret.read", run.project_name + ":" + name);
    for (const auto& [variable, audience] : spec.id_tokens) {
        out.tokens[variable] = core::id_token_claims(run, planned->event, job, spec, audience);
        note("id_token.mint", run.project_name + ":" + audience);
    }
    return out;
}

awaitable<Reply> give(Api& api, Request& request, AttemptId id) {
    auto value = co_await json_body(request);
    if (!value) co_return http::error_reply(value.error());
    auto body = protocol::parse_secrets(*value);
    if (!body) co_return http::error_reply(body.error());
    if (!co_await live_or_revived(api, id)) co_return lease_lost();
    auto read = [&api, id, asked = *body](store::Tx& tx) { return granted(api, tx, id, asked); };
    auto given = co_await api.writer.write(std::move(read));
    if (!given) co_return http::error_reply(given.error());
    protocol::SecretValues values;
    for (auto& [variable, claims] : given->tokens) {
        auto mint = [&api, claims = std::move(claims)] {
            return api.id_tokens.mint(claims, api.public_url);
        };
        auto token = co_await runtime::run_on(api.db, std::move(mint));
        if (!token) co_return http::error_reply(token.error());
        values.id_tokens[variable] = std::move(*token);
    }
    for (const auto& [name, secret] : given->grants.given) {
        auto opened = api.keys.open(
            secret.sealed, store::secret_context(secret.project, secret.name, secret.environment));
        if (!opened) {
            log::error("cannot open secret project={} name={} error=\"{}\"", secret.project.value,
                       name, opened.error().message);
            co_return http::error_reply(
                error(Code::forbidden, "secret_denied",
                      fmt::format("secret `{}`: {}", name, opened.error().message)));
        }
        values.secrets[name] = std::move(*opened);
    }
    std::string text = json::serialize(to_json(values));
    auto box = crypto::seal_to(body->public_key, text);
    crypto::wipe(text);
    for (auto& [name, secret] : values.secrets) crypto::wipe(secret);
    if (!box) co_return http::error_reply(box.error());
    co_return json_reply(to_json(protocol::SecretsReply{std::move(*box)}));
}

}  // namespace

std::vector<http::Route> runner_secret_routes(Api& api) {
    return {lease_route(api, http::Method::post, "/agent/v1/attempts/{attempt}/secrets",
                        [&api](Request& r, AttemptId id) { return give(api, r, id); })};
}

}  // namespace sluice::api
