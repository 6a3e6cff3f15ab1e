#include "pipelines/schedule/schedule.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::schedule {

namespace wire = model::wire;

json::Value to_json(const Schedule& schedule) {
    return json::Object{
        {"name", wire::text(schedule.name)},          {"cron", wire::text(schedule.cron)},
        {"timezone", wire::text(schedule.timezone)},  {"branch", wire::text(schedule.branch)},
        {"catchup", wire::text_of(schedule.catchup)}, {"overlap", wire::text_of(schedule.overlap)},
        {"params", wire::string_map(schedule.params)}};
}

Result<Schedule> schedule_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Schedule out;
    out.name = in.string("name", 512);
    out.cron = in.string("cron", 512);
    out.timezone = in.string_or("timezone", "UTC", 128);
    out.branch = in.string_or("branch", "", 1024);
    out.catchup = wire::enum_or(in, "catchup", Catchup::none);
    out.overlap = wire::enum_or(in, "overlap", Overlap::skip);
    out.params = in.string_map_or_empty("params");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::schedule
