#include "server/api/auth.hpp"

#include "platform/crypto.hpp"
#include "server/identity/credentials.hpp"
#include "server/store/attempts.hpp"

namespace sluice::api {

namespace {

constexpr std::chrono::seconds k_cached{5};
constexpr std::size_t k_cache_max = 4096;

Error unknown_token() {
    return error(Code::unauthorized, "unknown_token",
                 "the token is unknown, revoked or expired; log in again with `sluice login`",
                 "authorization");
}

}  // namespace

http::awaitable<Result<Principal>> Authenticator::person(const http::Request& request) {
    const auto header = request.header("authorization");
    if (header.empty()) {
        if (auto value = identity::cookie(request.header("cookie"), k_session_cookie))
            co_return co_await session(request, *value);
    }
    SLUICE_CO_TRY(const std::string token, identity::authorization_token(header, "Bearer"));
    const auto hash = identity::token_hash(token);
    const auto now = clock_.steady();
    {
        std::lock_guard lock(mutex_);
        auto at = tokens_.find(hash);
        if (at != tokens_.end() && at->second.until > now) co_return at->second.principal;
    }
    auto read = [this, hash] {
        return readers_.read([&](store::Tx& tx) { return store::find_token(tx, hash); });
    };
    auto found = co_await runtime::run_on(pool_, std::move(read));
    if (!found || found->revoked_at) co_return unknown_token();
    Principal principal{found->id, found->name, found->role};
    std::lock_guard lock(mutex_);
    if (tokens_.size() >= k_cache_max) tokens_.clear();
    tokens_[hash] = {principal, now + k_cached};
    co_return principal;
}

http::awaitable<Result<Principal>> Authenticator::session(const http::Request& request,
                                                          std::string value) {
    auto read = [this, hash = identity::token_hash(value)] {
        return readers_.read([&](store::Tx& tx) { return store::find_session(tx, hash); });
    };
    auto found = co_await runtime::run_on(pool_, std::move(read));
    if (!found || found->token.revoked_at || found->expires_at < clock_.now())
        co_return unknown_token();
    const bool safe = request.method == http::Method::get || request.method == http::Method::head;
    if (!safe &&
        !crypto::ct_equal(identity::token_hash(request.header("x-csrf")), found->csrf_hash))
        co_return error(Code::forbidden, "csrf",
                        "writes from a browser session need the X-CSRF header of that session",
                        "x-csrf");
    co_return Principal{found->token.id, found->token.name, found->token.role};
}

http::awaitable<Result<store::Agent>> Authenticator::agent(const http::Request& request) {
    SLUICE_CO_TRY(const std::string token,
                  identity::authorization_token(request.header("authorization"), "Agent"));
    const auto hash = identity::token_hash(token);
    const auto now = clock_.steady();
    {
        std::lock_guard lock(mutex_);
        auto at = agents_.find(hash);
        if (at != agents_.end() && at->second.until > now) co_return at->second.agent;
    }
    auto read = [this, hash] {
        return readers_.read([&](store::Tx& tx) { return store::find_agent_by_token(tx, hash); });
    };
    auto found = co_await runtime::run_on(pool_, std::move(read));
    if (!found)
        co_return error(Code::unauthorized, "unknown_agent",
                        "the agent token is unknown; enrol again with `sluice-agent enrol`",
                        "authorization");
    std::lock_guard lock(mutex_);
    if (agents_.size() >= k_cache_max) agents_.clear();
    agents_[hash] = {*found, now + k_cached};
    co_return *found;
}

http::awaitable<Result<>> Authenticator::lease(const http::Request& request, AttemptId attempt) {
    SLUICE_CO_TRY(const std::string token,
                  identity::authorization_token(request.header("authorization"), "Lease"));
    const auto hash = identity::token_hash(token);
    std::string expected;
    if (auto live = leases_.find(attempt)) {
        expected = live->token_hash;
    } else {
        auto read = [this, attempt] {
            return readers_.read([&](store::Tx& tx) { return store::find_attempt(tx, attempt); });
        };
        auto found = co_await runtime::run_on(pool_, std::move(read));
        if (found) expected = found->token_hash;
    }
    if (expected.empty() || !crypto::ct_equal(hash, expected))
        co_return error(Code::unauthorized, "unknown_lease",
                        "the lease token does not belong to this attempt", "authorization");
    co_return Result<>{};
}

void Authenticator::forget() {
    std::lock_guard lock(mutex_);
    tokens_.clear();
    agents_.clear();
}

}  // namespace sluice::api
