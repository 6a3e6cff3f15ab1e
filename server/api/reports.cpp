/// Reports of jobs: full ones from runners, what a job is compared with, and both for people.
#include "pipelines/model/reports.hpp"

#include "pipelines/protocol/reports.hpp"
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/core/baseline.hpp"

namespace sluice::api {

namespace {

Result<std::string> report_name(const Request& request) {
    const std::string& name = request.params.at("name");
    if (protocol::is_report_name(name)) return name;
    return error(Code::not_found, "not_found", "no such report: findings, tests or coverage",
                 "name");
}

// ---- from and for runners

awaitable<Reply> put_report(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    const std::string digest(request.header("x-report-sha256"));
    SLUICE_CO_TRY_REPLY(const std::string bytes,
                        co_await request.body->read_all(protocol::k_report_max));
    auto put = [&api, id, &name, &digest, &bytes] {
        return api.report_files.put(id, name, digest, bytes);
    };
    auto done = co_await runtime::run_on(api.disk, std::move(put));
    if (!done) co_return http::error_reply(done.error());
    api.leases.extend(id, api.service.now(), api.scheduler.times().lease);
    co_return Reply{204, "", {}, std::string{}};
}

struct Base {
    std::optional<core::BaselineJob> job;
    git::Snapshot changes;
    std::string why;  ///< there is none
};

/// Asks git where the change starts, then the store for the job there.
awaitable<Result<Base>> find_base(Api& api, const core::LiveAttempt& live) {
    struct Self {
        std::optional<store::Run> run;
        std::optional<store::Job> job;
    };
    auto read_self = [run = live.run, job = live.job](store::Tx& tx) -> Self {
        return {store::find_run(tx, run), store::find_job(tx, job)};
    };
    auto self = co_await api.read(std::move(read_self));
    if (!self.run || !self.job) co_return error(Code::not_found, "not_found", "no such job");
    auto project = api.projects.find(self.run->project);
    if (!project) co_return error(Code::not_found, "not_found", "no such project");
    Base out;
    if (auto query = core::base_of(*self.run, project->default_branch)) {
        git::SnapshotRequest wanted;
        wanted.repo = git::Repo{project->id, project->url};
        wanted.sha = self.run->sha;
        wanted.base = query->base;
        wanted.use_merge_base = query->use_merge_base;
        wanted.fallback_branch = query->fallback_branch;
        auto changes = co_await api.git.changes(std::move(wanted));
        // Without git's word the newest run of the branch still is something to compare with.
        if (changes) out.changes = std::move(*changes);
    }
    auto find = [&self, sha = out.changes.base, branch = project->default_branch](store::Tx& tx) {
        return core::find_baseline(tx, *self.run, *self.job, sha, branch);
    };
    out.job = co_await api.read(std::move(find));
    if (!out.job) out.why = "no earlier run of this job has reports";
    co_return out;
}

awaitable<Reply> baseline(Api& api, Request&, AttemptId id) {
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto base = co_await find_base(api, *live);
    if (!base) co_return http::error_reply(base.error());
    protocol::BaselineReply reply;
    reply.name = base->why;
    if (!base->changes.changes.empty()) {
        auto value = json::parse(base->changes.changes, {.bytes = 64u << 20, .depth = 8});
        auto changes = value ? reports::changed_lines_from_json(*value, "")
                             : Result<reports::ChangedLines>(value.error());
        if (changes) reply.changes = std::move(*changes);
    }
    if (base->job) {
        reply.name = base->job->name;
        reply.job = base->job->job.id;
        auto value = json::parse(base->job->job.reports, {.bytes = 16u << 20, .depth = 16});
        auto summary =
            value ? model::reports_from_json(*value, "") : Result<model::Reports>(value.error());
        if (summary) reply.metrics = reports::metrics_of(*summary);
        const AttemptId attempt = base->job->job.log_attempt;
        auto look = [&api, attempt, &reply] {
            reply.has_findings = api.report_files.has(attempt, "findings");
            reply.has_tests = api.report_files.has(attempt, "tests");
            return 0;
        };
        (void)co_await runtime::run_on(api.disk, std::move(look));
    }
    co_return json_reply(protocol::to_json(reply));
}

awaitable<Reply> send_file(Api& api, AttemptId attempt, std::string name) {
    auto load = [&api, attempt, &name] { return api.report_files.read(attempt, name); };
    auto bytes = co_await runtime::run_on(api.disk, std::move(load));
    if (!bytes)
        co_return http::error_reply(
            error(Code::not_found, "not_found", "the job has no such report", "name"));
    Reply reply{200, "application/zstd", {}, std::move(*bytes)};
    reply.headers.emplace_back("Content-Disposition",
                               "attachment; filename=\"" + name + ".ndjson.zst\"");
    reply.headers.emplace_back("Content-Security-Policy", "sandbox");
    co_return reply;
}

awaitable<Reply> baseline_report(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto base = co_await find_base(api, *live);
    if (!base) co_return http::error_reply(base.error());
    const AttemptId attempt = base->job ? base->job->job.log_attempt : AttemptId{};
    co_return co_await send_file(api, attempt, name);
}

// ---- for people

awaitable<Result<store::Job>> job_of(Api& api, const Request& request) {
    SLUICE_CO_TRY(const JobId id, path_id<JobId>(request, "job"));
    auto read = [id](store::Tx& tx) { return store::find_job(tx, id); };
    auto job = co_await api.read(std::move(read));
    if (!job) co_return error(Code::not_found, "not_found", "no such job", "job");
    co_return std::move(*job);
}

awaitable<Reply> show(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const store::Job job, co_await job_of(api, request));
    auto value = json::parse(job.reports, {.bytes = 16u << 20, .depth = 16});
    co_return json_reply(value ? *value : json::Value(json::Object{}));
}

awaitable<Reply> show_items(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    SLUICE_CO_TRY_REPLY(const store::Job job, co_await job_of(api, request));
    SLUICE_CO_TRY_REPLY(const auto offset, query_integer(request, "offset", 0, 0, 100'000'000));
    SLUICE_CO_TRY_REPLY(const auto limit, query_integer(request, "limit", 500, 1, 5'000));
    auto load = [&api, attempt = job.log_attempt, &name, offset, limit] {
        return api.report_files.page(attempt, name, offset, limit);
    };
    auto page = co_await runtime::run_on(api.disk, std::move(load));
    if (!page)
        co_return http::error_reply(
            error(Code::not_found, "not_found", "the job has no such report", "name"));
    json::Array items;
    for (json::Value& item : page->items) items.push_back(std::move(item));
    json::Object out{{"items", std::move(items)}, {"next", nullptr}};
    if (page->more) out["next"] = offset + limit;
    co_return json_reply(out);
}

awaitable<Reply> show_file(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    SLUICE_CO_TRY_REPLY(const store::Job job, co_await job_of(api, request));
    co_return co_await send_file(api, job.log_attempt, name);
}

}  // namespace

std::vector<http::Route> report_routes(Api& api) {
    using http::Method;
    const std::string attempt = "/agent/v1/attempts/{attempt}/";
    const std::string job = "/api/v1/jobs/{job}/reports";
    return {
        lease_route(api, Method::put, attempt + "reports/{name}",
                    [&api](Request& r, AttemptId id) { return put_report(api, r, id); }),
        lease_route(api, Method::get, attempt + "baseline",
                    [&api](Request& r, AttemptId id) { return baseline(api, r, id); }),
        lease_route(api, Method::get, attempt + "baseline/{name}",
                    [&api](Request& r, AttemptId id) { return baseline_report(api, r, id); }),
        person(api, Method::get, job, Role::read,
               [&api](Request& r, const Principal&) { return show(api, r); }),
        person(api, Method::get, job + "/{name}", Role::read,
               [&api](Request& r, const Principal&) { return show_items(api, r); }),
        person(api, Method::get, job + "/{name}/file", Role::read,
               [&api](Request& r, const Principal&) { return show_file(api, r); }),
    };
}

}  // namespace sluice::api
