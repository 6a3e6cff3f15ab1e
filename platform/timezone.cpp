#include "platform/timezone.hpp"

#include <date/tz.h>

namespace sluice::timezone {

Result<schedule::Zone> find(const std::string& name) {
    if (name == "UTC") return schedule::Zone(schedule::utc_zone);
    try {
        const date::time_zone* zone = date::locate_zone(name);
        return schedule::Zone([zone](std::int64_t utc_seconds) {
            const auto info = zone->get_info(date::sys_seconds(std::chrono::seconds(utc_seconds)));
            return schedule::OffsetSpan{info.begin.time_since_epoch().count(),
                                        info.end.time_since_epoch().count(), info.offset.count()};
        });
    } catch (const std::runtime_error&) {
        return error(Code::not_found, "timezone_unknown",
                     "the tz database of this machine has no zone `" + name + "`");
    }
}

}  // namespace sluice::timezone
