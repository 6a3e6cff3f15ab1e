#include "server/api/api.hpp"

#include "pipelines/base/text.hpp"

#include <charconv>

namespace sluice::api {

namespace {

Role role_of(const std::string& text) {
    return text == "admin" ? Role::admin : text == "write" ? Role::write : Role::read;
}

}  // namespace

http::Route person(Api& api, http::Method method, std::string pattern, Role role,
                   PersonHandler handler) {
    http::Handler bound = [&api, role,
                           handler = std::move(handler)](Request& request) -> awaitable<Reply> {
        auto principal = co_await api.auth.person(request);
        if (!principal) co_return http::error_reply(principal.error());
        if (role_of(principal->role) < role)
            co_return http::error_reply(
                error(Code::forbidden, "forbidden",
                      "this needs a token with role " +
                          std::string(role == Role::admin ? "admin" : "write") + "; yours has " +
                          principal->role));
        co_return co_await handler(request, *principal);
    };
    return {method, std::move(pattern), http::Auth::bearer, std::move(bound)};
}

Result<store::Project> path_project(const Api& api, const Request& request) {
    const auto& name = request.params.at("project");
    auto project = api.projects.find(name);
    if (!project)
        return error(Code::not_found, "unknown_project",
                     "no project of that name; see `sluice project list`", "project");
    return *project;
}

Result<std::int64_t> query_integer(const Request& request, std::string_view name,
                                   std::int64_t fallback, std::int64_t min, std::int64_t max) {
    auto at = request.query.find(std::string(name));
    if (at == request.query.end()) return fallback;
    std::int64_t value = 0;
    const auto& given = at->second;
    auto [end, failed] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (failed != std::errc{} || end != given.data() + given.size() || value < min || value > max)
        return error(
            Code::invalid, "bad_query",
            "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max),
            std::string(name));
    return value;
}

std::string query_text(const Request& request, std::string_view name) {
    auto at = request.query.find(std::string(name));
    return at == request.query.end() ? std::string{} : at->second;
}

awaitable<Result<json::Value>> json_body(Request& request, std::size_t max_bytes) {
    SLUICE_CO_TRY(const std::string body, co_await request.body->read_all(max_bytes));
    if (body.empty()) co_return json::Value(json::Object{});
    const auto type = request.header("content-type");
    if (type.substr(0, type.find(';')) != "application/json")
        co_return error(Code::unsupported, "bad_content_type", "send the body as application/json",
                        "content-type");
    co_return json::parse(body, {.bytes = max_bytes, .depth = 32});
}

Reply json_reply(const json::Value& value, int status) {
    return http::json_reply(status, json::serialize(value));
}

std::vector<http::Route> all_routes(Api& api) {
    std::vector<http::Route> routes;
    for (auto part :
         {run_routes,          schedule_routes, job_routes,           project_routes,
          agent_routes,        token_routes,    event_routes,         hook_routes,
          protocol_routes,     report_routes,   runner_report_routes, runner_blob_routes,
          artifact_routes,     secret_routes,   environment_routes,   runner_secret_routes,
          discovery_routes,    system_routes,   runner_source_routes, shell_routes,
          runner_shell_routes, audit_routes}) {
        auto some = part(api);
        routes.insert(routes.end(), std::make_move_iterator(some.begin()),
                      std::make_move_iterator(some.end()));
    }
    return routes;
}

}  // namespace sluice::api
