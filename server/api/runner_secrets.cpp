// Secrets of an attempt, for its runner: after start, sealed to a key of that call, each one
// audited.
#include "pipelines/protocol/secrets.hpp"

#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/core/secret_grants.hpp"
#include "server/store/attempts.hpp"
#include "server/store/events.hpp"
#include "server/store/jobs.hpp"

#include <spdlog/spdlog.h>

#include <fmt/format.h>

#include <algorithm>

namespace sluice::api {

namespace {

/// What the job of a running attempt may have; the reading is written down before it is answered.
Result<core::Grants> granted(Api& api, store::Tx& tx, AttemptId id, const std::string& instance) {
    const auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state != model::AttemptState::running ||
        attempt->runner_instance != instance)
        return error(Code::conflict, "not_started",
                     "secrets are given to the runner that has started the attempt, while it runs");
    const auto run = store::find_run(tx, attempt->run).value();
    const auto job = store::find_job(tx, attempt->job).value();
    const auto planned = api.lifecycle.plan_of(tx, attempt->run);
    const auto index = static_cast<std::size_t>(
        std::find(planned->ids.begin(), planned->ids.end(), job.id) - planned->ids.begin());
    auto grants = core::grants_of(tx, run, planned->event, planned->jobs.at(index).spec);
    // Policy and scope may have changed since the job was let through.
    if (!grants.missing.empty())
        return error(Code::forbidden, "secret_denied", grants.missing.front());
    for (const auto& [name, secret] : grants.given)
        store::insert_audit(
            tx, api.clock.now(), "attempt " + std::to_string(id.value), "secret.read",
            run.project_name + ":" + name,
            fmt::format("run={} job={} agent={}", run.id.value, job.key, job.agent));
    return grants;
}

awaitable<Reply> give(Api& api, Request& request, AttemptId id) {
    auto value = co_await json_body(request);
    if (!value) co_return http::error_reply(value.error());
    auto body = protocol::parse_secrets(*value);
    if (!body) co_return http::error_reply(body.error());
    if (!co_await live_or_revived(api, id)) co_return lease_lost();
    auto read = [&api, id, instance = body->runner_instance](store::Tx& tx) {
        return granted(api, tx, id, instance);
    };
    auto grants = co_await api.writer.write(std::move(read));
    if (!grants) co_return http::error_reply(grants.error());
    protocol::SecretValues values;
    for (const auto& [name, secret] : grants->given) {
        auto opened = api.keys.open(
            secret.sealed, store::secret_context(secret.project, secret.name, secret.environment));
        if (!opened) {
            spdlog::error("cannot open secret project={} name={} error=\"{}\"",
                          secret.project.value, name, opened.error().message);
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
