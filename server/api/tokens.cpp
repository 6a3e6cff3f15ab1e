#include "server/api/api.hpp"
#include "server/api/views.hpp"
#include "server/identity/credentials.hpp"

#include "platform/crypto.hpp"

namespace sluice::api {

namespace {

constexpr std::int64_t k_session_ms = 12 * 3'600'000;

json::Value who_view(const Principal& who) {
    return json::Object{{"id", who.token.value},
                        {"name", who.name},
                        {"role", who.role},
                        {"created_at", ""},
                        {"last_used_at", nullptr}};
}

awaitable<Reply> list(Api& api) {
    auto read = [](store::Tx& tx) { return store::all_tokens(tx); };
    auto tokens = co_await api.read(std::move(read));
    json::Array out;
    for (const auto& token : tokens) out.push_back(view(token));
    co_return json_reply(json::Object{{"tokens", std::move(out)}});
}

awaitable<Reply> whoami(Api& api, const Principal& who) {
    auto read = [](store::Tx& tx) { return store::all_tokens(tx); };
    for (const auto& token : co_await api.read(std::move(read)))
        if (token.id == who.token) co_return json_reply(view(token));
    co_return json_reply(who_view(who));
}

awaitable<Reply> create(Api& api, Request& request, const Principal& who) {
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    store::Token token;
    token.name = reader.string("name", 100);
    token.role = reader.string_or("role", "read", 16);
    token.created_at = api.clock.now();
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    if (token.name.empty())
        co_return http::error_reply(
            error(Code::invalid, "bad_name", "a token needs a name", "/name"));
    if (token.role != "admin" && token.role != "write" && token.role != "read")
        co_return http::error_reply(
            error(Code::invalid, "bad_role", "role is admin, write or read", "/role"));
    const auto secret = crypto::random_token();
    auto insert = [&api, token, hash = identity::token_hash(secret),
                   by = who.name](store::Tx& tx) -> Result<store::Token> {
        auto stored = token;
        stored.id = store::insert_token(tx, token, hash);
        store::insert_audit(tx, token.created_at, by, "token.create", token.name, token.role);
        return stored;
    };
    auto stored = co_await api.writer.write(std::move(insert));
    if (!stored) co_return http::error_reply(stored.error());
    co_return json_reply(json::Object{{"token", secret}, {"info", view(*stored)}}, 201);
}

awaitable<Reply> revoke(Api& api, Request& request, const Principal& who) {
    auto id = path_id<TokenId>(request, "token");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        if (!store::revoke_token(tx, id, api.clock.now()))
            return error(Code::not_found, "not_found", "no such token", "token");
        store::insert_audit(tx, api.clock.now(), by, "token.revoke", std::to_string(id.value), "");
        tx.after_commit([&api] { api.auth.forget(); });
        return {};
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return Reply{204, "", {}, std::string{}};
}

std::string cookie_text(const Request& request, const std::string& value, std::int64_t seconds) {
    std::string cookie = std::string(k_session_cookie) + "=" + value +
                         "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(seconds);
    if (request.tls) cookie += "; Secure";
    return cookie;
}

awaitable<Reply> log_in(Api& api, Request& request) {
    auto body = co_await json_body(request, 4096);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    auto given = reader.string("token", 512);
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    auto read = [hash = identity::token_hash(given)](store::Tx& tx) {
        return store::find_token(tx, hash);
    };
    auto token = co_await api.read(std::move(read));
    if (!token || token->revoked_at)
        co_return http::error_reply(error(Code::unauthorized, "unknown_token",
                                          "the token is unknown or revoked", "/token"));
    const auto session = crypto::random_token();
    const auto csrf = crypto::random_token();
    auto insert = [&api, session_hash = identity::token_hash(session),
                   csrf_hash = identity::token_hash(csrf),
                   id = token->id](store::Tx& tx) -> Result<> {
        store::insert_session(tx, session_hash, csrf_hash, id, {api.clock.now().ms + k_session_ms});
        return {};
    };
    auto done = co_await api.writer.write(std::move(insert));
    if (!done) co_return http::error_reply(done.error());
    auto reply = json_reply(json::Object{{"csrf", csrf}});
    reply.headers.emplace_back("Set-Cookie", cookie_text(request, session, k_session_ms / 1000));
    co_return reply;
}

awaitable<Reply> log_out(Api& api, Request& request) {
    if (auto value = identity::cookie(request.header("cookie"), k_session_cookie)) {
        auto remove = [hash = identity::token_hash(*value)](store::Tx& tx) -> Result<> {
            store::delete_session(tx, hash);
            return {};
        };
        (void)co_await api.writer.write(std::move(remove));
    }
    Reply reply{204, "", {}, std::string{}};
    reply.headers.emplace_back("Set-Cookie", cookie_text(request, "", 0));
    co_return reply;
}

}  // namespace

std::vector<http::Route> token_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/whoami", Role::read,
               [&api](Request&, const Principal& who) { return whoami(api, who); }),
        {Method::post, "/api/v1/session", http::Auth::none,
         [&api](Request& r) { return log_in(api, r); }},
        person(api, Method::del, "/api/v1/session", Role::read,
               [&api](Request& r, const Principal&) { return log_out(api, r); }),
        person(api, Method::get, "/api/v1/tokens", Role::admin,
               [&api](Request&, const Principal&) { return list(api); }),
        person(api, Method::post, "/api/v1/tokens", Role::admin,
               [&api](Request& r, const Principal& who) { return create(api, r, who); }),
        person(api, Method::del, "/api/v1/tokens/{token}", Role::admin,
               [&api](Request& r, const Principal& who) { return revoke(api, r, who); }),
    };
}

}  // namespace sluice::api
