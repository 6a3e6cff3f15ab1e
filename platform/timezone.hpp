#pragma once
/// The tz database of this machine.

#include "pipelines/base/result.hpp"
#include "pipelines/schedule/ticks.hpp"

#include <string>

namespace sluice::timezone {

/// The rules of a place: `Europe/Berlin`, `UTC`. Refused with id `timezone_unknown`. Blocking at
/// the first call, which reads the database; the zone may be asked from any thread for ever.
Result<schedule::Zone> find(const std::string& name);

}  // namespace sluice::timezone
