#include "server/store/schedules.hpp"
#include "server/api/api.hpp"
#include "server/api/views.hpp"

namespace sluice::api {

namespace {

constexpr std::int64_t k_ticks_shown = 20;

json::Value view(const store::TickRow& tick) {
    return json::Object{
        {"at", format_timestamp(tick.slot)},
        {"date", tick.date},
        {"time", tick.time},
        {"state", tick.state},
        {"reason", tick.reason},
        {"run_id", tick.run ? json::Value(tick.run.value) : json::Value(nullptr)},
    };
}

json::Value view(const store::ScheduleRow& row, const core::Schedules::Outlook& outlook,
                 const std::optional<store::Run>& last, const std::vector<store::TickRow>& ticks) {
    const auto spec = json::parse(row.spec, {.bytes = 1 << 20, .depth = 16}).value();
    const auto schedule = schedule::schedule_from_json(spec).value();
    json::Array list;
    for (const auto& tick : ticks) list.push_back(view(tick));
    json::Object params;
    for (const auto& [name, value] : schedule.params) params[name] = value;
    return json::Object{
        {"id", row.id.value},
        {"name", schedule.name},
        {"cron", schedule.cron},
        {"timezone", schedule.timezone},
        {"branch", schedule.branch},
        {"catchup", to_text(schedule.catchup)},
        {"overlap", to_text(schedule.overlap)},
        {"params", std::move(params)},
        {"active", row.active},
        {"next_at", time_or_null(outlook.next ? std::optional(outlook.next->at.ms) : std::nullopt)},
        {"problem", outlook.problem},
        {"last_run", last ? api::view(*last) : json::Value(nullptr)},
        {"ticks", std::move(list)},
    };
}

awaitable<Reply> list(Api& api, Request& request) {
    auto project = path_project(api, request);
    if (!project) co_return http::error_reply(project.error());
    auto read = [&api, id = project->id](store::Tx& tx) {
        json::Array out;
        for (const auto& row : store::schedules_of(tx, id)) {
            const auto run = store::last_run_of(tx, row.id);
            out.push_back(view(row, api.schedules.outlook(row),
                               run ? store::find_run(tx, *run) : std::nullopt,
                               store::recent_ticks(tx, row.id, k_ticks_shown)));
        }
        return out;
    };
    auto schedules = co_await api.read(std::move(read));
    co_return json_reply(json::Object{{"schedules", std::move(schedules)}});
}

awaitable<Reply> run_now(Api& api, Request& request, const Principal& who) {
    auto id = path_id<ScheduleId>(request, "schedule");
    if (!id) co_return http::error_reply(id.error());
    auto ask = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<core::Schedules::Due> {
        SLUICE_TRY(auto due, api.schedules.by_hand(tx, id));
        store::insert_audit(tx, api.clock.now(), by, "schedule.run", due.schedule.name, "");
        return due;
    };
    auto due = co_await api.writer.write(std::move(ask));
    if (!due) co_return http::error_reply(due.error());
    auto project = api.projects.find(due->project);
    if (!project)
        co_return http::error_reply(error(Code::not_found, "not_found", "no such project"));
    auto run = co_await api.intake.start_tick(*project, std::move(*due));
    if (!run) co_return http::error_reply(run.error());
    auto show = [run = *run](store::Tx& tx) { return store::find_run(tx, run).value(); };
    auto found = co_await api.read(std::move(show));
    co_return json_reply(api::view(found), 201);
}

}  // namespace

std::vector<http::Route> schedule_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/projects/{project}/schedules", Role::read,
               [&api](Request& r, const Principal&) { return list(api, r); }),
        person(api, Method::post, "/api/v1/schedules/{schedule}/run", Role::write,
               [&api](Request& r, const Principal& who) { return run_now(api, r, who); }),
    };
}

}  // namespace sluice::api
