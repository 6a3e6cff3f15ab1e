#pragma once
/// One entry of `on.schedule` (reference A2), as its file gives it. Pure values.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"

#include <map>
#include <string>

namespace sluice::schedule {

/// Ticks that were missed: dropped, the newest runs once, or all run in order.
enum class Catchup { none, last, all };
/// What a tick does while the run of an earlier one is active.
enum class Overlap { skip, queue };

struct Schedule {
    std::string name;              ///< unique in the project; without `name` the text of `cron`
    std::string cron;              ///< accepted by parse_cron()
    std::string timezone = "UTC";  ///< a name of the tz database
    std::string branch;            ///< whose tip is built; "" = the default branch
    Catchup catchup = Catchup::none;
    Overlap overlap = Overlap::skip;
    std::map<std::string, std::string> params;  ///< values for `params` of the run
    bool operator==(const Schedule&) const = default;
};

json::Value to_json(const Schedule& schedule);
Result<Schedule> schedule_from_json(const json::Value& value, std::string pointer = "");

}  // namespace sluice::schedule

namespace sluice {
SLUICE_ENUM_NAMES(schedule::Catchup, "none", "last", "all");
SLUICE_ENUM_NAMES(schedule::Overlap, "skip", "queue");
}  // namespace sluice
