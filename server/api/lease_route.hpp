#pragma once
/// What the routes of the agent protocol share that speak for one attempt.

#include "server/api/api.hpp"

namespace sluice::api {

using LeaseHandler = std::function<awaitable<Reply>(Request&, AttemptId)>;

/// A route with a lease token: authenticates it for the attempt of the path, then calls.
http::Route lease_route(Api& api, http::Method method, std::string pattern, LeaseHandler handler);

/// 409: the attempt is over; the runner stops.
Reply lease_lost();

/// The live attempt. One that was given up may come back while no newer one was leased (rule 8).
awaitable<std::optional<core::LiveAttempt>> live_or_revived(Api& api, AttemptId id);

}  // namespace sluice::api
