#include "server/api/api.hpp"
#include "server/api/views.hpp"

#include "platform/crypto.hpp"

#include <algorithm>

namespace sluice::api {

namespace {

bool good_name(std::string_view name) {
    if (name.empty() || name.size() > 100 || !std::isalnum(static_cast<unsigned char>(name[0])))
        return false;
    return std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '.' || c == '_' || c == '-';
    });
}

std::string hook_url(const Api& api, const store::Project& project) {
    return api.public_url + "/hooks/" + project.forge + "/" + project.name;
}

awaitable<Reply> list(Api& api) {
    const auto newest = api.feed.newest();
    if (auto page = api.lists.find("projects", newest))
        co_return Reply{200, "application/json", {}, page};
    auto read = [](store::Tx& tx) {
        json::Array out;
        for (const auto& project : store::all_projects(tx)) {
            auto runs = store::list_runs(
                tx, {.project = project.id, .branch = {}, .sha = {}, .before = 0, .limit = 1});
            out.push_back(view(project, runs.empty() ? std::nullopt : std::optional(runs.front())));
        }
        return out;
    };
    auto projects = co_await api.read(std::move(read));
    auto page = std::make_shared<const std::string>(
        json::serialize(json::Object{{"projects", std::move(projects)}}));
    api.lists.put("projects", newest, page);
    co_return Reply{200, "application/json", {}, page};
}

awaitable<Reply> show(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto read = [id = project->id](store::Tx& tx) {
        return store::list_runs(tx,
                                {.project = id, .branch = {}, .sha = {}, .before = 0, .limit = 1});
    };
    auto runs = co_await api.read(std::move(read));
    co_return json_reply(view(*project, runs.empty() ? std::nullopt : std::optional(runs.front())));
}

awaitable<Reply> create(Api& api, Request& request, const Principal& who) {
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    store::Project project;
    project.name = reader.string("name", 100);
    project.url = reader.string("url", 2048);
    project.default_branch = reader.string_or("default_branch", "main", 1024);
    project.forge = reader.string_or("forge", "git", 16);
    if (const auto* status = reader.find("status")) {
        json::ObjectReader fields(*status, "/status");
        project.status_api = fields.string("api", 2048);
        project.status_repo = fields.string("repo", 512);
        project.status_token_file = fields.string("token_file", 4096);
        if (auto checked = fields.finish_strict(); !checked)
            co_return http::error_reply(checked.error());
        while (project.status_api.ends_with('/')) project.status_api.pop_back();
        if (project.forge == "git")
            co_return http::error_reply(error(Code::invalid, "bad_status",
                                              "plain git has no commit statuses; set forge too",
                                              "/status"));
        if (!project.status_api.starts_with("https://") &&
            !project.status_api.starts_with("http://"))
            co_return http::error_reply(error(Code::invalid, "bad_status",
                                              "must be the http(s) base URL of the forge's API",
                                              "/status/api"));
        if (!project.status_token_file.starts_with('/'))
            co_return http::error_reply(error(Code::invalid, "bad_status",
                                              "must be an absolute path on the server",
                                              "/status/token_file"));
    }
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    if (!good_name(project.name))
        co_return http::error_reply(error(Code::invalid, "bad_name",
                                          "a project name is 1 to 100 letters, digits, `.`, `_`, "
                                          "`-` and starts with a letter or digit",
                                          "/name"));
    if (!hooks::forge_by_name(project.forge))
        co_return http::error_reply(
            error(Code::invalid, "bad_forge", "forge is git, github, gitlab or gitea", "/forge"));
    if (project.default_branch.empty())
        co_return http::error_reply(error(Code::invalid, "bad_branch",
                                          "the default branch can't be empty", "/default_branch"));
    if (auto allowed = api.git.check_url(project.url); !allowed)
        co_return http::error_reply(allowed.error());
    project.hook_secret = crypto::random_token();
    project.created_at = api.clock.now();
    auto insert = [&api, project, by = who.name](store::Tx& tx) -> Result<store::Project> {
        if (store::find_project(tx, project.name))
            return error(Code::conflict, "name_taken",
                         "a project named " + project.name + " exists", "/name");
        auto stored = project;
        stored.id = store::insert_project(tx, project);
        store::insert_audit(tx, project.created_at, by, "project.create", project.name,
                            project.url);
        api.feed.publish(tx, {{}, "project.created", stored.id, {}, {}, "", project.created_at});
        tx.after_commit([&api, stored] { api.projects.put(stored); });
        return stored;
    };
    auto stored = co_await api.writer.write(std::move(insert));
    if (!stored) co_return http::error_reply(stored.error());
    api.intake.read_schedules(*stored);
    co_return json_reply(json::Object{{"project", view(*stored, std::nullopt)},
                                      {"hook_secret", stored->hook_secret},
                                      {"hook_url", hook_url(api, *stored)}},
                         201);
}

awaitable<Reply> rotate_secret(Api& api, Request& request, const Principal& who) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    project->hook_secret = crypto::random_token();
    auto change = [&api, project = *project, by = who.name](store::Tx& tx) -> Result<> {
        store::set_hook_secret(tx, project.id, project.hook_secret);
        store::insert_audit(tx, api.clock.now(), by, "project.rotate_hook_secret", project.name,
                            "");
        tx.after_commit([&api, project] { api.projects.put(project); });
        return {};
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return json_reply(
        json::Object{{"hook_secret", project->hook_secret}, {"hook_url", hook_url(api, *project)}});
}

/// Globs that a person wrote: none empty, few and short enough to match every event against.
Result<std::vector<std::string>> read_globs(json::ObjectReader& reader, std::string_view key,
                                            const std::string& pointer) {
    auto globs = reader.strings_or_empty(key, 100);
    for (const auto& glob : globs)
        if (glob.empty() || glob.size() > 255)
            return error(Code::invalid, "bad_glob", "a glob is 1 to 255 bytes, e.g. `release/*`",
                         pointer);
    return globs;
}

/// The policy with the members of the body changed.
Result<store::Policy> changed_policy(const json::Value& body, store::Policy policy) {
    json::ObjectReader reader(body, "");
    if (reader.find("protected_branches")) {
        SLUICE_TRY(policy.protected_branches,
                   read_globs(reader, "protected_branches", "/protected_branches"));
    }
    if (reader.find("protected_tags")) {
        SLUICE_TRY(policy.protected_tags, read_globs(reader, "protected_tags", "/protected_tags"));
    }
    const auto changes =
        reader.string_or("config_changes", std::string(to_text(policy.config_changes)), 16);
    policy.job_statuses = reader.boolean_or("job_statuses", policy.job_statuses);
    SLUICE_CHECK(reader.finish_strict());
    const auto parsed = parse_enum<store::ConfigChanges>(changes);
    if (!parsed)
        return error(Code::invalid, "bad_config_changes",
                     "config_changes is notice, required or approve", "/config_changes");
    policy.config_changes = *parsed;
    return policy;
}

awaitable<Reply> set_policy(Api& api, Request& request, const Principal& who) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    auto change = [&api, id = project->id, body = *body,
                   by = who.name](store::Tx& tx) -> Result<store::Project> {
        // As stored: two people who change different members must not undo each other.
        auto stored = store::find_project(tx, id).value();
        SLUICE_TRY(stored.policy, changed_policy(body, stored.policy));
        store::set_policy(tx, id, stored.policy);
        store::insert_audit(tx, api.clock.now(), by, "project.policy", stored.name,
                            json::serialize(view(stored.policy)));
        api.feed.publish(tx, {{}, "project.changed", id, {}, {}, "", api.clock.now()});
        tx.after_commit([&api, stored] { api.projects.put(stored); });
        return stored;
    };
    auto stored = co_await api.writer.write(std::move(change));
    if (!stored) co_return http::error_reply(stored.error());
    co_return json_reply(view(stored->policy));
}

awaitable<Reply> gate(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto verdict = co_await api.gate.verdict(*project, query_text(request, "sha"),
                                             query_text(request, "branch"));
    if (!verdict) co_return http::error_reply(verdict.error());
    co_return json_reply(view(*verdict, project->name));
}

awaitable<Reply> approve(Api& api, Request& request, const Principal& who) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    core::Gate::Approval approval;
    approval.sha = reader.string("sha", 64);
    approval.branch = reader.string_or("branch", "", 1024);
    approval.digest = reader.string("digest", 64);
    approval.reason = reader.string_or("reason", "", 2000);
    approval.by = who.name;
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    auto verdict = co_await api.gate.approve(*project, std::move(approval));
    if (!verdict) co_return http::error_reply(verdict.error());
    co_return json_reply(view(*verdict, project->name));
}

}  // namespace

std::vector<http::Route> project_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/projects", Role::read,
               [&api](Request&, const Principal&) { return list(api); }),
        person(api, Method::post, "/api/v1/projects", Role::admin,
               [&api](Request& r, const Principal& who) { return create(api, r, who); }),
        person(api, Method::get, "/api/v1/projects/{project}", Role::read,
               [&api](Request& r, const Principal&) { return show(api, r); }),
        person(api, Method::get, "/api/v1/projects/{project}/gate", Role::read,
               [&api](Request& r, const Principal&) { return gate(api, r); }),
        person(api, Method::post, "/api/v1/projects/{project}/gate/approve", Role::write,
               [&api](Request& r, const Principal& who) { return approve(api, r, who); }),
        person(api, Method::patch, "/api/v1/projects/{project}/policy", Role::admin,
               [&api](Request& r, const Principal& who) { return set_policy(api, r, who); }),
        person(api, Method::post, "/api/v1/projects/{project}/hook-secret", Role::admin,
               [&api](Request& r, const Principal& who) { return rotate_secret(api, r, who); }),
    };
}

}  // namespace sluice::api
