// What a verifier of identity tokens reads: the discovery document and the public keys (JWKS).
#include "server/api/api.hpp"

namespace sluice::api {

namespace {

constexpr const char* k_jwks = "/api/v1/id-token-keys";

/// Verifiers look again when they meet a key that they don't know.
Reply cached(const json::Value& value) {
    Reply reply = json_reply(value);
    reply.headers.emplace_back("Cache-Control", "public, max-age=300");
    return reply;
}

awaitable<Reply> discovery(Api& api) {
    co_return cached(json::Object{
        {"issuer", api.public_url},
        {"jwks_uri", api.public_url + k_jwks},
        {"response_types_supported", json::Array{"id_token"}},
        {"subject_types_supported", json::Array{"public"}},
        {"id_token_signing_alg_values_supported", json::Array{"RS256"}},
        {"claims_supported",
         json::Array{
             "sub",     "aud",          "exp",    "iat",           "iss",  "jti",    "nbf",
             "project", "project_id",   "ref",    "ref_protected", "tier", "event",  "environment",
             "sha",     "workflow_sha", "run_id", "run_number",    "job",  "job_id", "attempt"}}});
}

awaitable<Reply> keys(Api& api) {
    auto read = [&api] { return api.id_tokens.jwks(); };
    auto found = co_await runtime::run_on(api.db, std::move(read));
    if (!found) co_return http::error_reply(found.error());
    co_return cached(*found);
}

}  // namespace

std::vector<http::Route> discovery_routes(Api& api) {
    using http::Method;
    return {{Method::get, "/.well-known/openid-configuration", http::Auth::none,
             [&api](Request&) { return discovery(api); }},
            {Method::get, k_jwks, http::Auth::none, [&api](Request&) { return keys(api); }}};
}

}  // namespace sluice::api
