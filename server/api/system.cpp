#include "server/api/api.hpp"
#include "server/api/views.hpp"

#include "pipelines/plan/plan.hpp"

#include <fmt/format.h>

namespace sluice::api {

extern const std::string_view k_openapi;

namespace {

constexpr Duration k_seen_within{90'000};

struct Counts {
    std::int64_t ready = 0;
    std::int64_t agents = 0;
    std::int64_t outbox = 0;
};

awaitable<Counts> counts(Api& api) {
    auto read = [&api](store::Tx& tx) {
        Counts out;
        out.ready = store::count_ready(tx);
        out.outbox = store::count_outbox(tx, "pending");
        for (const auto& agent : store::all_agents(tx))
            out.agents += api.scheduler.online(agent.id, k_seen_within);
        return out;
    };
    co_return co_await api.read(std::move(read));
}

awaitable<Reply> status(Api& api) {
    const auto now = co_await counts(api);
    const auto up = std::chrono::duration_cast<Duration>(api.clock.steady() - api.started);
    co_return json_reply(json::Object{{"version", api.version},
                                      {"server_id", api.server_id},
                                      {"uptime_ms", up.count()},
                                      {"queue_ready", now.ready},
                                      {"running", static_cast<std::int64_t>(api.leases.size())},
                                      {"agents_online", now.agents},
                                      {"hook_listener", api.hook_listener},
                                      {"read_only", api.writer.stats().read_only}});
}

awaitable<Reply> healthz(Api& api) {
    const bool full = api.writer.stats().read_only;
    co_return Reply{full ? 503 : 200,
                    "text/plain; charset=utf-8",
                    {},
                    std::string(full ? "read-only: the database volume is full\n" : "ok\n")};
}

awaitable<Reply> metrics(Api& api) {
    const auto now = co_await counts(api);
    const auto writer = api.writer.stats();
    const auto life = api.lifecycle.stats();
    std::string text;
    auto add = [&text](std::string_view name, std::string_view type, std::string_view help,
                       auto value) {
        text += fmt::format("# HELP sluice_{0} {1}\n# TYPE sluice_{0} {2}\nsluice_{0} {3}\n", name,
                            help, type, value);
    };
    add("jobs_ready", "gauge", "Jobs that wait for an agent.", now.ready);
    add("attempts_live", "gauge", "Attempts that are leased or running.", api.leases.size());
    add("agents_online", "gauge", "Agents seen in the last 90 seconds.", now.agents);
    add("projects", "gauge", "Projects.", api.projects.size());
    add("runs_created_total", "counter", "Runs created since start.", life.runs_created);
    add("runs_finished_total", "counter", "Runs finished since start.", life.runs_finished);
    add("attempts_lost_total", "counter", "Attempts whose agent was lost.", life.attempts_lost);
    add("stuck_runs_mended_total", "counter", "Runs the sweeper had to move: a bug when not zero.",
        life.stuck_runs_mended);
    add("store_commits_total", "counter", "Committed write transactions.", writer.commits);
    add("store_closures_total", "counter", "Changes in them.", writer.closures);
    add("store_failures_total", "counter", "Write transactions that were lost.", writer.failures);
    add("store_read_only", "gauge", "1 while the database volume is full.",
        writer.read_only ? 1 : 0);
    add("outbox_pending", "gauge", "Notifications that wait to be sent.", now.outbox);
    add("source_packs_total", "counter", "Packs of commits sent to runners since start.",
        api.source_packs.load());
    add("source_bytes_total", "counter", "Bytes of them.", api.source_bytes.load());
    add("lfs_objects_total", "counter", "Objects of Git LFS fetched since start.",
        api.lfs.fetched());
    add("lfs_bytes_total", "counter", "Bytes of them.", api.lfs.fetched_bytes());
    co_return Reply{200, "text/plain; version=0.0.4; charset=utf-8", {}, std::move(text)};
}

awaitable<Reply> validate(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(auto value, co_await json_body(request, 4 << 20));
    json::ObjectReader reader(value, "");
    plan::Input input;
    if (auto* files = reader.array("files"))
        for (std::size_t i = 0; i < files->size(); ++i) {
            json::ObjectReader file((*files)[i], reader.pointer("files", i));
            plan::SourceFile source{file.string("path", 4096), file.string("text", 1 << 20)};
            // Deeper files are read only when a `uses` names them.
            const auto name = source.path.find('/', source.path.starts_with(".ci/") ? 4 : 0);
            auto& list = name == std::string::npos ? input.files : input.fragments;
            list.push_back(std::move(source));
            if (auto checked = file.finish_strict(); !checked)
                co_return http::error_reply(checked.error());
        }
    auto kind = parse_enum<model::EventKind>(reader.string_or("event", "push"));
    input.event.branch = reader.string_or("branch", "main");
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    if (!kind)
        co_return http::error_reply(error(Code::invalid, "bad_event",
                                          "event is push, tag, pull_request or manual", "/event"));
    input.event.kind = *kind;
    input.event.sha = std::string(40, '0');
    auto work = [input = std::move(input)] { return plan::make_plan(input); };
    auto outcome = co_await runtime::run_on(api.db, std::move(work));
    json::Array diagnostics;
    for (const auto& diagnostic : outcome.diagnostics)
        diagnostics.push_back(config::to_json(diagnostic));
    json::Object body{{"diagnostics", std::move(diagnostics)}};
    if (outcome.plan) body["plan"] = plan::to_json(*outcome.plan);
    co_return json_reply(std::move(body));
}

awaitable<Reply> openapi() {
    static const auto document = std::make_shared<const std::string>(k_openapi);
    co_return Reply{200, "application/json", {}, document};
}

}  // namespace

std::vector<http::Route> system_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/status", Role::read,
               [&api](Request&, const Principal&) { return status(api); }),
        person(api, Method::post, "/api/v1/validate", Role::read,
               [&api](Request& r, const Principal&) { return validate(api, r); }),
        {Method::get, "/api/openapi.json", http::Auth::none, [](Request&) { return openapi(); }},
        {Method::get, "/healthz", http::Auth::none, [&api](Request&) { return healthz(api); }},
        {Method::get, "/metrics", http::Auth::none, [&api](Request&) { return metrics(api); }},
    };
}

}  // namespace sluice::api
