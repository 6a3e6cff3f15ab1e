#pragma once
/// Who sends a request: API tokens, browser sessions, agents and leases against their stored
/// hashes. Results are cached for a few seconds; revoking clears the cache.

#include "platform/clock.hpp"
#include "server/core/leases.hpp"
#include "server/http/message.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/agents.hpp"
#include "server/store/readers.hpp"
#include "server/store/tokens.hpp"

#include <mutex>
#include <string>
#include <unordered_map>

namespace sluice::api {

inline constexpr const char* k_session_cookie = "sluice_session";

struct Principal {
    TokenId token;
    std::string name;
    std::string role;  ///< admin, write or read
};

/// Any thread.
class Authenticator {
public:
    Authenticator(store::Readers& readers, runtime::Pool& pool, const core::LeaseTable& leases,
                  const Clock& clock)
        : readers_(readers), pool_(pool), leases_(leases), clock_(clock) {}

    /// `Authorization: Bearer`, or the session cookie (then unsafe methods need X-CSRF, H14).
    http::awaitable<Result<Principal>> person(const http::Request& request);
    /// `Authorization: Agent`.
    http::awaitable<Result<store::Agent>> agent(const http::Request& request);
    /// `Authorization: Lease` for this attempt. Also true for an attempt that has ended: its runner
    /// may repeat a finish.
    http::awaitable<Result<>> lease(const http::Request& request, AttemptId attempt);
    /// Forgets cached tokens and agents (after revoke, drain, registration).
    void forget();

private:
    http::awaitable<Result<Principal>> session(const http::Request& request, std::string value);

    struct CachedToken {
        Principal principal;
        std::chrono::steady_clock::time_point until;
    };
    struct CachedAgent {
        store::Agent agent;
        std::chrono::steady_clock::time_point until;
    };
    store::Readers& readers_;
    runtime::Pool& pool_;
    const core::LeaseTable& leases_;
    const Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<std::string, CachedToken> tokens_;
    std::unordered_map<std::string, CachedAgent> agents_;
};

}  // namespace sluice::api
