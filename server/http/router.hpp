#pragma once
/// One table of routes, each with a mandatory authentication scheme (S6): there is no default.

#include "server/http/message.hpp"

#include <any>
#include <string>
#include <vector>

namespace sluice::http {

/// The four token schemes of architecture §9, plus what needs none and what checks for itself.
enum class Auth {
    none,       ///< public
    bearer,     ///< a person's or program's API token, or the browser session
    agent,      ///< `Authorization: Agent`
    lease,      ///< `Authorization: Lease`
    signature,  ///< the handler verifies a signature over the raw body
};

struct Route {
    Method method;
    std::string pattern;  ///< `/api/v1/runs/{run}`; a parameter is one non-empty segment; a last
                          ///< `{name*}` takes the rest of the path
    Auth auth;
    Handler handler;  ///< already bound to its typed principal by the api layer
};

/// Finds the handler: unknown path → 404 not_found, known path with another method → 405 with
/// Allow. HEAD falls back to GET. Immutable after construction; any thread.
class Router {
public:
    /// Throws std::logic_error on two equal routes.
    explicit Router(std::vector<Route> routes);

    awaitable<Reply> handle(Request& request) const;
    const std::vector<Route>& routes() const { return routes_; }
    /// For paths that no route knows and GET: the web UI. Default: 404.
    void set_fallback(Handler handler) { fallback_ = std::move(handler); }

private:
    struct Node;
    std::vector<Route> routes_;
    std::shared_ptr<Node> root_;
    Handler fallback_;
};

}  // namespace sluice::http
