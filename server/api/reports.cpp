/// Reports of jobs from and for runners: full ones, and what a job is compared with.

#include "pipelines/protocol/reports.hpp"
#include "platform/failpoint.hpp"
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/api/report_base.hpp"

namespace sluice::api {

namespace {

awaitable<Reply> put_report(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    const std::string digest(request.header("x-report-sha256"));
    SLUICE_CO_TRY_REPLY(const std::string bytes,
                        co_await request.body->read_all(protocol::k_report_max));
    auto put = [&api, id, &name, &digest, &bytes] {
        auto kept = api.report_files.put(id, name, digest, bytes);
        failpoint::hit("upload", "in");
        return kept;
    };
    auto done = co_await runtime::run_on(api.disk, std::move(put));
    failpoint::hit("upload", "after_commit");
    if (!done) co_return http::error_reply(done.error());
    api.leases.extend(id, api.service.now(), api.scheduler.times().lease);
    co_return Reply{204, "", {}, std::string{}};
}

awaitable<Reply> baseline(Api& api, Request&, AttemptId id) {
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto base = co_await find_base(api, live->run, live->job);
    if (!base) co_return http::error_reply(base.error());
    protocol::BaselineReply reply;
    reply.name = base->why;
    if (!base->changes.changes.empty()) {
        auto value = json::parse(base->changes.changes, {.bytes = 64u << 20, .depth = 8});
        auto changes = value ? reports::changed_lines_from_json(*value, "")
                             : Result<reports::ChangedLines>(value.error());
        if (changes) reply.changes = std::move(*changes);
    }
    if (base->target) reply.target = co_await base_metrics(api, *base->target);
    if (base->job) {
        reply.name = base->job->name;
        reply.job = base->job->job.id;
        reply.metrics = co_await base_metrics(api, *base->job);
        auto look = [&api, attempts = base->attempts(), &reply] {
            for (const AttemptId attempt : attempts) {
                reply.has_findings |= api.report_files.has(attempt, "findings");
                reply.has_tests |= api.report_files.has(attempt, "tests");
            }
            return 0;
        };
        (void)co_await runtime::run_on(api.disk, std::move(look));
        // People see the job beside what it was judged against.
        api.writer.write_behind([job = live->job, of = reply.job](store::Tx& tx) -> Result<> {
            store::set_base_job(tx, job, of);
            return {};
        });
    }
    co_return json_reply(protocol::to_json(reply));
}

awaitable<Reply> baseline_report(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto base = co_await find_base(api, live->run, live->job);
    if (!base) co_return http::error_reply(base.error());
    co_return co_await report_file(api, base->attempts(), name);
}

}  // namespace

Result<std::string> report_name(const Request& request) {
    const std::string& name = request.params.at("name");
    if (protocol::is_report_name(name)) return name;
    return error(Code::not_found, "not_found", "no such report: findings, tests or coverage",
                 "name");
}

awaitable<Reply> report_file(Api& api, std::vector<AttemptId> attempts, std::string name) {
    // Frames of zstd, one after another, are a file of zstd.
    auto load = [&api, &attempts, &name]() -> Result<std::string> {
        std::string all;
        for (const AttemptId attempt : attempts)
            if (api.report_files.has(attempt, name)) {
                SLUICE_TRY(const std::string bytes, api.report_files.read(attempt, name));
                all += bytes;
            }
        if (all.empty()) return error(Code::not_found, "not_found", "none");
        return all;
    };
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

std::vector<http::Route> runner_report_routes(Api& api) {
    using http::Method;
    const std::string attempt = "/agent/v1/attempts/{attempt}/";
    return {
        lease_route(api, Method::put, attempt + "reports/{name}",
                    [&api](Request& r, AttemptId id) { return put_report(api, r, id); }),
        lease_route(api, Method::get, attempt + "baseline",
                    [&api](Request& r, AttemptId id) { return baseline(api, r, id); }),
        lease_route(api, Method::get, attempt + "baseline/{name}",
                    [&api](Request& r, AttemptId id) { return baseline_report(api, r, id); }),
    };
}

}  // namespace sluice::api
