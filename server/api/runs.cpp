#include "pipelines/config/expression/value.hpp"
#include "platform/failpoint.hpp"
#include "server/api/api.hpp"
#include "server/api/views.hpp"

namespace sluice::api {

namespace {

/// One page of runs as JSON text; served from memory while nothing has changed.
awaitable<Result<std::shared_ptr<const std::string>>> run_page(Api& api, store::RunFilter filter,
                                                               std::string key) {
    const auto newest = api.feed.newest();
    if (auto page = api.lists.find(key, newest)) co_return page;
    auto read = [filter](store::Tx& tx) mutable {
        ++filter.limit;  // one more tells whether there is a next page
        return store::list_runs(tx, filter);
    };
    auto runs = co_await api.read(std::move(read));
    json::Value next = nullptr;
    if (runs.size() > static_cast<std::size_t>(filter.limit)) {
        runs.pop_back();
        next = boost::json::string(std::to_string(runs.back().id.value));
    }
    json::Array list;
    for (const auto& run : runs) list.push_back(view(run));
    auto page = std::make_shared<const std::string>(
        json::serialize(json::Object{{"runs", std::move(list)}, {"next", std::move(next)}}));
    api.lists.put(key, newest, page);
    co_return page;
}

Result<store::RunFilter> filter_of(const Request& request) {
    store::RunFilter filter;
    SLUICE_TRY(filter.limit, query_integer(request, "limit", 50, 1, 200));
    SLUICE_TRY(filter.before, query_integer(request, "before", 0, 1, INT64_MAX));
    filter.branch = query_text(request, "branch");
    filter.sha = query_text(request, "sha");
    return filter;
}

awaitable<Reply> list(Api& api, Request& request, std::optional<ProjectId> project) {
    auto filter = filter_of(request);
    if (!filter) co_return http::error_reply(filter.error());
    filter->project = project;
    auto page = co_await run_page(api, *filter, request.target);
    if (!page) co_return http::error_reply(page.error());
    co_return Reply{200, "application/json", {}, *page};
}

awaitable<Reply> show(Api& api, RunId id, int status) {
    struct Found {
        std::optional<store::Run> run;
        std::vector<store::Job> jobs;
    };
    auto read = [id](store::Tx& tx) {
        Found found;
        found.run = store::find_run(tx, id);
        if (found.run) found.jobs = store::jobs_of(tx, id);
        return found;
    };
    auto found = co_await api.read(std::move(read));
    if (!found.run)
        co_return http::error_reply(error(Code::not_found, "not_found", "no such run", "run"));
    json::Array jobs;
    for (const auto& job : found.jobs) {
        const auto live = api.leases.find_by_job(job.id);
        jobs.push_back(
            view(job, live,
                 live && job.log_attempt == live->id ? api.logs.size(live->id) : job.log_size));
    }
    auto diagnostics = json::parse(found.run->diagnostics, {.bytes = 16 << 20, .depth = 8});
    const auto event = json::parse(found.run->event, {.bytes = 4 << 20, .depth = 64});
    const auto part = [&event](std::string_view key, json::Value fallback) {
        const auto* object = event ? event->if_object() : nullptr;
        const auto* value = object == nullptr ? nullptr : object->if_contains(key);
        return value == nullptr ? fallback : *value;
    };
    co_return json_reply(
        json::Object{{"run", view(*found.run)},
                     {"params", part("params", json::Object{})},
                     {"schedule", part("schedule", nullptr)},
                     {"jobs", std::move(jobs)},
                     {"diagnostics", diagnostics ? *diagnostics : json::Value(json::Array{})}},
        status);
}

awaitable<Reply> show_run_only(Api& api, RunId id, int status) {
    auto read = [id](store::Tx& tx) { return store::find_run(tx, id); };
    auto run = co_await api.read(std::move(read));
    if (!run)
        co_return http::error_reply(error(Code::not_found, "not_found", "no such run", "run"));
    co_return json_reply(view(*run), status);
}

/// Values as JSON writes them: text, numbers and booleans.
Result<std::map<std::string, std::string>> params_of(const json::Value& value) {
    const auto* object = value.if_object();
    const auto wrong = [](std::string_view where) {
        return error(Code::invalid, "bad_field", "an object of strings, numbers and booleans",
                     std::string(where));
    };
    if (object == nullptr || object->size() > 200) return wrong("/params");
    std::map<std::string, std::string> out;
    for (const auto& [name, item] : *object) {
        const std::string key(name);
        if (item.is_string())
            out[key] = std::string(item.as_string());
        else if (item.is_double())
            out[key] = config::expression::format_number(item.as_double());
        else if (item.is_number() || item.is_bool())
            out[key] = json::serialize(item);
        else
            return wrong("/params/" + key);
    }
    return out;
}

awaitable<Reply> create(Api& api, Request& request, const Principal& who) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    core::Intake::ManualRun wanted;
    wanted.branch = reader.string_or("branch", "", 1024);
    wanted.sha = reader.string_or("sha", "", 64);
    if (const auto* params = reader.find("params")) {
        auto read = params_of(*params);
        if (!read) co_return http::error_reply(read.error());
        wanted.params = std::move(*read);
    }
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    auto id = co_await api.intake.start_manual(*project, std::move(wanted), who.name);
    if (!id) {
        auto reply = http::error_reply(id.error());
        if (id.error().id == "bad_params") reply.status = 422;
        co_return reply;
    }
    co_return co_await show_run_only(api, *id, 201);
}

awaitable<Reply> params(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    const auto branch = query_text(request, "branch");
    auto choices = co_await api.intake.choices(*project, branch);
    if (!choices) co_return http::error_reply(choices.error());
    json::Array list;
    for (const auto& param : choices->params) list.push_back(plan::to_json(param));
    co_return json_reply(json::Object{{"branch", branch.empty() ? project->default_branch : branch},
                                      {"sha", choices->sha},
                                      {"manual", choices->manual},
                                      {"params", std::move(list)}});
}

awaitable<Reply> cancel(Api& api, Request& request, const Principal& who) {
    auto id = path_id<RunId>(request, "run");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        auto asked = api.lifecycle.cancel_run(tx, id, by);
        failpoint::hit("cancel", "in");
        return asked;
    };
    auto done = co_await api.writer.write(std::move(change));
    failpoint::hit("cancel", "after_commit");
    if (!done) co_return http::error_reply(done.error());
    co_return co_await show_run_only(api, *id, 200);
}

awaitable<Reply> approve(Api& api, Request& request, const Principal& who) {
    auto id = path_id<RunId>(request, "run");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        return api.lifecycle.approve_run(tx, id, by);
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return co_await show_run_only(api, *id, 200);
}

/// How long places of failed jobs are to be kept.
Result<Duration> keep_of(const Request& request) {
    const auto text = query_text(request, "keep");
    if (text.empty()) return Duration{0};
    auto keep = parse_duration(text);
    if (!keep) return error(Code::invalid, "bad_query", keep.error().message, "keep");
    if (*keep > protocol::k_keep_max)
        return error(Code::invalid, "bad_query", "at most " + format_duration(protocol::k_keep_max),
                     "keep");
    return keep;
}

awaitable<Reply> retry(Api& api, Request& request, const Principal& who) {
    auto id = path_id<RunId>(request, "run");
    if (!id) co_return http::error_reply(id.error());
    const auto all = query_text(request, "all");
    auto keep = keep_of(request);
    if (!keep) co_return http::error_reply(keep.error());
    core::Intake::Retry wanted{all == "true" || all == "1", *keep, who.name};
    auto fresh = co_await api.intake.retry(*id, std::move(wanted));
    if (!fresh) co_return http::error_reply(fresh.error());
    co_return co_await show_run_only(api, *fresh, 201);
}

}  // namespace

std::vector<http::Route> run_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/runs", Role::read,
               [&api](Request& r, const Principal&) -> awaitable<Reply> {
                   return list(api, r, std::nullopt);
               }),
        person(api, Method::get, "/api/v1/projects/{project}/runs", Role::read,
               [&api](Request& r, const Principal&) -> awaitable<Reply> {
                   auto project = path_project(api, r);
                   if (!project) co_return http::error_reply(project.error());
                   co_return co_await list(api, r, project->id);
               }),
        person(api, Method::post, "/api/v1/projects/{project}/runs", Role::write,
               [&api](Request& r, const Principal& who) { return create(api, r, who); }),
        person(api, Method::get, "/api/v1/projects/{project}/params", Role::read,
               [&api](Request& r, const Principal&) { return params(api, r); }),
        person(api, Method::get, "/api/v1/runs/{run}", Role::read,
               [&api](Request& r, const Principal&) -> awaitable<Reply> {
                   auto id = path_id<RunId>(r, "run");
                   if (!id) co_return http::error_reply(id.error());
                   co_return co_await show(api, *id, 200);
               }),
        person(api, Method::post, "/api/v1/runs/{run}/cancel", Role::write,
               [&api](Request& r, const Principal& who) { return cancel(api, r, who); }),
        person(api, Method::post, "/api/v1/runs/{run}/approve", Role::write,
               [&api](Request& r, const Principal& who) { return approve(api, r, who); }),
        person(api, Method::post, "/api/v1/runs/{run}/retry", Role::write,
               [&api](Request& r, const Principal& who) { return retry(api, r, who); }),
    };
}

}  // namespace sluice::api
