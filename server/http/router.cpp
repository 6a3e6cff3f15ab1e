#include "server/http/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace sluice::http {
namespace {

constexpr std::size_t k_methods = 6;
constexpr std::string_view method_name(Method method) {
    switch (method) {
        case Method::get: return "GET";
        case Method::head: return "HEAD";
        case Method::post: return "POST";
        case Method::put: return "PUT";
        case Method::patch: return "PATCH";
        case Method::del: return "DELETE";
    }
    return "";
}

/// Cuts the first segment off a path without its leading slash.
std::string_view next_segment(std::string_view& rest) {
    auto slash = rest.find('/');
    auto segment = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
    return segment;
}

}  // namespace

/// One segment of the patterns. Names of parameters belong to the route, not to the node:
/// `/runs/{run}` and
/// `/runs/{id}/jobs` share theirs.
struct Router::Node {
    struct Target {
        int route = -1;                  // index in routes_, -1 = none
        std::vector<std::string> names;  // of its parameters, in order
        explicit operator bool() const { return route >= 0; }
    };
    std::map<std::string, Node, std::less<>> children;
    std::unique_ptr<Node> any;           // {name}
    std::array<Target, k_methods> here;  // what ends at this node
    std::array<Target, k_methods> rest;  // {name*}: takes all that is left

    static bool has(const std::array<Target, k_methods>& targets) {
        return std::any_of(targets.begin(), targets.end(), [](const Target& t) { return bool{t}; });
    }
    /// The targets for `path` ("" or "/a/b"); a fixed segment goes before a parameter, a parameter
    /// before the rest.
    const std::array<Target, k_methods>* find(std::string_view path,
                                              std::vector<std::string_view>& values) const {
        if (path.empty()) return has(here) ? &here : nullptr;
        auto after = path.substr(1);
        auto segment = next_segment(after);
        if (auto at = children.find(segment); at != children.end())
            if (auto* found = at->second.find(after, values)) return found;
        if (any && !segment.empty()) {
            values.push_back(segment);
            if (auto* found = any->find(after, values)) return found;
            values.pop_back();
        }
        if (!has(rest) || path.size() < 2) return nullptr;
        values.push_back(path.substr(1));
        return &rest;
    }
};

Router::Router(std::vector<Route> routes)
    : routes_(std::move(routes)), root_(std::make_shared<Node>()) {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        const Route& route = routes_[i];
        if (!route.pattern.starts_with('/'))
            throw std::logic_error("route without a leading slash: " + route.pattern);
        Node* node = root_.get();
        Node::Target target{static_cast<int>(i), {}};
        auto* targets = &node->here;
        for (std::string_view left = route.pattern; !left.empty();) {
            left.remove_prefix(1);
            auto segment = next_segment(left);
            bool parameter = segment.starts_with('{') && segment.ends_with('}');
            bool tail = parameter && segment.ends_with("*}");
            if (tail && !left.empty())
                throw std::logic_error("{name*} must come last: " + route.pattern);
            if (parameter)
                target.names.emplace_back(segment.substr(1, segment.size() - (tail ? 3 : 2)));
            if (tail) {
                targets = &node->rest;
                break;
            }
            if (parameter && !node->any) node->any = std::make_unique<Node>();
            node = parameter ? node->any.get() : &node->children[std::string{segment}];
            targets = &node->here;
        }
        auto& slot = (*targets)[static_cast<std::size_t>(route.method)];
        if (slot)
            throw std::logic_error(
                fmt::format("two routes for {} {}", method_name(route.method), route.pattern));
        slot = std::move(target);
    }
}

awaitable<Reply> Router::handle(Request& request) const {
    std::vector<std::string_view> values;
    const auto* targets = root_->find(request.path, values);
    if (!targets) {
        bool reads = request.method == Method::get || request.method == Method::head;
        if (fallback_ && reads) co_return co_await fallback_(request);
        co_return error_reply(
            error(Code::not_found, "not_found", "there is nothing at this path", request.path));
    }
    const auto of = [targets](Method method) -> const Node::Target& {
        return (*targets)[static_cast<std::size_t>(method)];
    };
    const Node::Target* target = &of(request.method);
    if (!*target && request.method == Method::head) target = &of(Method::get);
    if (!*target) {
        std::string allow;
        for (auto method :
             {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::del}) {
            bool known = of(method) || (method == Method::head && of(Method::get));
            if (known) allow += fmt::format("{}{}", allow.empty() ? "" : ", ", method_name(method));
        }
        auto reply = error_reply(error(
            Code::invalid, "method_not_allowed",
            fmt::format("{} is not for this path; it takes {}", method_name(request.method), allow),
            request.path));
        reply.status = 405;
        reply.headers.emplace_back("Allow", allow);
        co_return reply;
    }
    for (std::size_t i = 0; i < values.size(); ++i)
        request.params.emplace(target->names[i], values[i]);
    co_return co_await routes_[static_cast<std::size_t>(target->route)].handler(request);
}

}  // namespace sluice::http
