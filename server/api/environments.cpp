// Environments of a project: what protects them, and what was deployed there.
#include "server/store/environments.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/model/event.hpp"
#include "pipelines/model/spec_parts.hpp"
#include "server/api/api.hpp"
#include "server/api/views.hpp"
#include "server/store/events.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::api {

namespace {

constexpr std::size_t k_list_max = 100;
constexpr std::size_t k_environments_max = 200;
constexpr std::int64_t k_approvals_max = 20;
constexpr Duration k_wait_max = std::chrono::hours(30 * 24);
constexpr Duration k_expires_max = std::chrono::hours(366 * 24);

json::Value view(const store::Deployment& deployment) {
    return json::Object{{"environment", deployment.environment},
                        {"job_id", deployment.job.value},
                        {"job", deployment.job_key},
                        {"state", deployment.state},
                        {"run_id", deployment.run.value},
                        {"run_number", deployment.run_number},
                        {"sha", deployment.sha},
                        {"branch", deployment.branch},
                        {"tag", deployment.tag},
                        {"url", deployment.url},
                        {"approved_by", deployment.approved_by},
                        {"finished_at", time_or_null(deployment.finished_at)}};
}

json::Value rules(const store::Environment& environment) {
    return json::Object{
        {"id", environment.id.value},
        {"approvers", json::Array(environment.approvers.begin(), environment.approvers.end())},
        {"approvals", environment.approvals},
        {"reason_required", environment.reason_required},
        {"expires_ms", environment.expires.count()},
        {"wait_ms", environment.wait.count()},
        {"events", json::Array(environment.events.begin(), environment.events.end())},
        {"branches", json::Array(environment.branches.begin(), environment.branches.end())},
        {"tags", json::Array(environment.tags.begin(), environment.tags.end())},
        {"set_by", environment.set_by},
        {"set_at", format_timestamp(environment.set_at)}};
}

/// `protection`: null for one that only jobs have named.
json::Value view(store::Tx& tx, ProjectId project, const std::string& name, std::int64_t held,
                 json::Value protection) {
    const auto current = store::current_deployment(tx, project, name);
    return json::Object{{"name", name},
                        {"protection", std::move(protection)},
                        {"current", current ? view(*current) : json::Value(nullptr)},
                        {"held", held}};
}

/// Who reads the audit trail sees what was decided.
std::string rules_text(const store::Environment& e) {
    return fmt::format(
        "approvals={} by={} reason={} expires={} wait={} events={} branches={} "
        "tags={}",
        e.approvals, fmt::join(e.approvers, ","), e.reason_required, format_duration(e.expires),
        format_duration(e.wait), fmt::join(e.events, ","), fmt::join(e.branches, ","),
        fmt::join(e.tags, ","));
}

Result<> check_texts(const std::vector<std::string>& items, const char* id, const char* say,
                     std::string pointer) {
    for (const auto& item : items)
        if (item.empty() || item.size() > 255) return error(Code::invalid, id, say, pointer);
    return {};
}

Result<> check_people(const store::Environment& e) {
    SLUICE_CHECK(check_texts(e.approvers, "bad_approver",
                             "an approver is a role (read, write, admin) or the name of a person's "
                             "token, 1 to 255 bytes",
                             "/approvers"));
    // Rules that look like a protection and are none.
    if (e.approvals == 0 && (e.reason_required || !e.approvers.empty()))
        return error(Code::invalid, "nobody_asked",
                     "nobody is asked with 0 approvals: ask for 1 or more, or leave the reason and "
                     "the approvers out",
                     "/approvals");
    const bool is_role = std::any_of(e.approvers.begin(), e.approvers.end(), [](const auto& who) {
        return who == "read" || who == "write" || who == "admin";
    });
    if (!e.approvers.empty() && !is_role &&
        e.approvals > static_cast<std::int64_t>(e.approvers.size()))
        return error(Code::invalid, "too_few_approvers",
                     fmt::format("{} people must agree, and only {} may: name more, or a role",
                                 e.approvals, e.approvers.size()),
                     "/approvers");
    return {};
}

Result<store::Environment> read_environment(const json::Value& body) {
    json::ObjectReader reader(body, "");
    store::Environment e;
    e.name = reader.string("name", 255);
    e.approvers = reader.strings_or_empty("approvers", k_list_max);
    std::sort(e.approvers.begin(), e.approvers.end());
    e.approvers.erase(std::unique(e.approvers.begin(), e.approvers.end()), e.approvers.end());
    e.approvals = reader.integer_or("approvals", e.approvers.empty() ? 0 : 1, 0, k_approvals_max);
    e.reason_required = reader.boolean_or("reason_required", false);
    e.expires = Duration{reader.integer_or("expires_ms", model::Approval{}.expires.count(), 60'000,
                                           k_expires_max.count())};
    e.wait = Duration{reader.integer_or("wait_ms", 0, 0, k_wait_max.count())};
    e.events = reader.strings_or_empty("events", k_list_max);
    e.branches = reader.strings_or_empty("branches", k_list_max);
    e.tags = reader.strings_or_empty("tags", k_list_max);
    SLUICE_CHECK(reader.finish_strict());
    if (e.name.empty())
        return error(Code::invalid, "bad_name", "an environment has a name", "/name");
    if (auto bad = config::check_scalar(config::Scalar::line, e.name, ""))
        return error(Code::invalid, bad->id, bad->message + "; " + bad->hint, "/name");
    SLUICE_CHECK(check_people(e));
    for (const auto& event : e.events)
        if (!parse_enum<model::EventKind>(event))
            return error(Code::invalid, "bad_event",
                         "events are push, tag, pull_request, merge_queue, schedule, manual, "
                         "dataset",
                         "/events");
    constexpr const char* k_glob = "a glob is 1 to 255 bytes, e.g. `release/*`";
    SLUICE_CHECK(check_texts(e.branches, "bad_glob", k_glob, "/branches"));
    SLUICE_CHECK(check_texts(e.tags, "bad_glob", k_glob, "/tags"));
    return e;
}

awaitable<Reply> list(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto read = [id = project->id](store::Tx& tx) {
        json::Array out;
        std::vector<std::string> named = store::deployed_environments(tx, id, k_environments_max);
        auto held = store::held_deployments(tx, id);
        for (const auto& environment : store::environments_of(tx, id)) {
            std::erase(named, environment.name);
            out.push_back(
                view(tx, id, environment.name, held[environment.name], rules(environment)));
        }
        for (const auto& name : named) out.push_back(view(tx, id, name, held[name], nullptr));
        return out;
    };
    auto environments = co_await api.read(std::move(read));
    co_return json_reply(json::Object{{"environments", std::move(environments)}});
}

awaitable<Reply> deployments(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto limit = query_integer(request, "limit", 20, 1, 200);
    if (!limit) co_return http::error_reply(limit.error());
    auto read = [id = project->id, name = query_text(request, "environment"), limit = *limit](
                    store::Tx& tx) { return store::deployments_of(tx, id, name, limit); };
    auto found = co_await api.read(std::move(read));
    json::Array out;
    for (const auto& deployment : found) out.push_back(view(deployment));
    co_return json_reply(json::Object{{"deployments", std::move(out)}});
}

awaitable<Reply> put(Api& api, Request& request, const Principal& who) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    auto environment = read_environment(*body);
    if (!environment) co_return http::error_reply(environment.error());
    environment->project = project->id;
    environment->set_by = who.name;
    environment->set_at = api.clock.now();
    auto change = [&api, wanted = *environment,
                   project = *project](store::Tx& tx) -> Result<json::Value> {
        if (!store::find_environment(tx, project.id, wanted.name) &&
            store::environments_of(tx, project.id).size() >= k_environments_max)
            return error(Code::conflict, "too_many_environments",
                         "a project has at most 200 environments");
        auto stored = wanted;
        stored.id = store::put_environment(tx, wanted);
        store::insert_audit(tx, api.clock.now(), wanted.set_by, "environment.set",
                            project.name + ":" + wanted.name, rules_text(wanted));
        auto held = store::held_deployments(tx, project.id);
        return view(tx, project.id, stored.name, held[stored.name], rules(stored));
    };
    auto stored = co_await api.writer.write(std::move(change));
    if (!stored) co_return http::error_reply(stored.error());
    co_return json_reply(*stored, 201);
}

awaitable<Reply> remove(Api& api, Request& request, const Principal& who) {
    auto id = path_id<store::EnvironmentId>(request, "environment");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        const auto environment = store::find_environment(tx, id);
        if (!environment)
            return error(Code::not_found, "not_found", "no such environment", "environment");
        store::remove_environment(tx, id);
        const auto project = store::find_project(tx, environment->project);
        store::insert_audit(tx, api.clock.now(), by, "environment.remove",
                            (project ? project->name : "?") + ":" + environment->name,
                            rules_text(*environment));
        return {};
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return Reply{204, "", {}, std::string{}};
}

}  // namespace

std::vector<http::Route> environment_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/projects/{project}/environments", Role::read,
               [&api](Request& r, const Principal&) { return list(api, r); }),
        person(api, Method::post, "/api/v1/projects/{project}/environments", Role::admin,
               [&api](Request& r, const Principal& who) { return put(api, r, who); }),
        person(api, Method::get, "/api/v1/projects/{project}/deployments", Role::read,
               [&api](Request& r, const Principal&) { return deployments(api, r); }),
        person(api, Method::del, "/api/v1/environments/{environment}", Role::admin,
               [&api](Request& r, const Principal& who) { return remove(api, r, who); }),
    };
}

}  // namespace sluice::api
