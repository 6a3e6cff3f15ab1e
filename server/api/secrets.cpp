// Secrets of a project, for people: set, listed without values, removed.
#include "server/store/secrets.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/model/event.hpp"
#include "pipelines/protocol/secrets.hpp"
#include "server/api/api.hpp"
#include "server/store/events.hpp"

#include <fmt/format.h>

namespace sluice::api {

namespace {

constexpr std::size_t k_scope_max = 100;
constexpr std::size_t k_secrets_max = 1000;

json::Value view(const store::Secret& secret) {
    return json::Object{{"id", secret.id.value},
                        {"name", secret.name},
                        {"environment", secret.environment},
                        {"events", json::Array(secret.events.begin(), secret.events.end())},
                        {"branches", json::Array(secret.branches.begin(), secret.branches.end())},
                        {"set_by", secret.set_by},
                        {"set_at", format_timestamp(secret.set_at)}};
}

/// Who reads the audit trail sees the scope that was given.
std::string scope_text(const store::Secret& secret) {
    return fmt::format("environment={} events={} branches={}", secret.environment,
                       fmt::join(secret.events, ","), fmt::join(secret.branches, ","));
}

/// A value that can be found again in a log: shorter or blank ones would mask everything or
/// nothing.
Result<> check_value(std::string_view value) {
    if (value.size() > protocol::k_secret_max)
        return error(Code::too_large, "secret_too_large",
                     "a secret has at most 64 KiB; encrypt larger files with a key that is one",
                     "/value");
    if (text::trim(value).size() < protocol::k_secret_min)
        return error(Code::invalid, "secret_too_short",
                     "a secret has at least 8 characters that are no blanks: a shorter one can't "
                     "be masked in logs",
                     "/value");
    return {};
}

Result<store::Secret> read_secret(const json::Value& body, std::string& value) {
    json::ObjectReader reader(body, "");
    store::Secret secret;
    secret.name = reader.string("name", 255);
    const auto encoded = reader.string("value", protocol::k_secret_max * 2);
    const bool base64 = reader.boolean_or("base64", false);
    secret.environment = reader.string_or("environment", "", 255);
    secret.events = reader.strings_or_empty("events", k_scope_max);
    secret.branches = reader.strings_or_empty("branches", k_scope_max);
    SLUICE_CHECK(reader.finish_strict());
    if (auto bad = config::check_scalar(config::Scalar::secret, secret.name, ""))
        return error(Code::invalid, bad->id, bad->message + "; " + bad->hint, "/name");
    for (const auto& event : secret.events)
        if (!parse_enum<model::EventKind>(event))
            return error(Code::invalid, "bad_event",
                         "events are push, tag, pull_request, merge_queue, schedule, manual, "
                         "dataset",
                         "/events");
    for (const auto& glob : secret.branches)
        if (glob.empty() || glob.size() > 255)
            return error(Code::invalid, "bad_glob", "a glob is 1 to 255 bytes, e.g. `release/*`",
                         "/branches");
    auto decoded = base64 ? text::from_base64(encoded) : std::optional(encoded);
    if (!decoded) return error(Code::invalid, "bad_value", "is not base64", "/value");
    SLUICE_CHECK(check_value(*decoded));
    value = std::move(*decoded);
    return secret;
}

awaitable<Reply> list(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto read = [id = project->id](store::Tx& tx) { return store::secrets_of(tx, id); };
    auto secrets = co_await api.read(std::move(read));
    json::Array out;
    for (const auto& secret : secrets) out.push_back(view(secret));
    co_return json_reply(json::Object{{"secrets", std::move(out)}});
}

awaitable<Reply> put(Api& api, Request& request, const Principal& who) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    std::string value;
    auto secret = read_secret(*body, value);
    if (!secret) co_return http::error_reply(secret.error());
    secret->project = project->id;
    secret->sealed =
        api.keys.seal(value, store::secret_context(project->id, secret->name, secret->environment));
    crypto::wipe(value);
    secret->set_by = who.name;
    secret->set_at = api.clock.now();
    auto change = [&api, secret = *secret,
                   project = *project](store::Tx& tx) -> Result<store::Secret> {
        if (store::secrets_of(tx, project.id).size() >= k_secrets_max)
            return error(Code::conflict, "too_many_secrets", "a project has at most 1000 secrets");
        auto stored = secret;
        stored.id = store::put_secret(tx, secret);
        store::insert_audit(tx, api.clock.now(), secret.set_by, "secret.set",
                            project.name + ":" + secret.name, scope_text(secret));
        return stored;
    };
    auto stored = co_await api.writer.write(std::move(change));
    if (!stored) co_return http::error_reply(stored.error());
    co_return json_reply(view(*stored), 201);
}

awaitable<Reply> remove(Api& api, Request& request, const Principal& who) {
    auto id = path_id<store::SecretId>(request, "secret");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        const auto secret = store::find_secret(tx, id);
        if (!secret) return error(Code::not_found, "not_found", "no such secret", "secret");
        store::remove_secret(tx, id);
        const auto project = store::find_project(tx, secret->project);
        store::insert_audit(tx, api.clock.now(), by, "secret.remove",
                            (project ? project->name : "?") + ":" + secret->name,
                            scope_text(*secret));
        return {};
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return Reply{204, "", {}, std::string{}};
}

}  // namespace

std::vector<http::Route> secret_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/projects/{project}/secrets", Role::write,
               [&api](Request& r, const Principal&) { return list(api, r); }),
        person(api, Method::post, "/api/v1/projects/{project}/secrets", Role::admin,
               [&api](Request& r, const Principal& who) { return put(api, r, who); }),
        person(api, Method::del, "/api/v1/secrets/{secret}", Role::admin,
               [&api](Request& r, const Principal& who) { return remove(api, r, who); }),
    };
}

}  // namespace sluice::api
