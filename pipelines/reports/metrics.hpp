#pragma once
/// Numbers that a job writes: a JSON object, nested ones with dots in their names, or JSON lines of
/// which the last value of a name counts. Pure, any thread.

#include "pipelines/base/result.hpp"

#include <map>
#include <string>
#include <string_view>

namespace sluice::reports {

/// Adds the numbers of `text` to `into`; what is no number is left out. At most 1,000 names of at
/// most 256 bytes. Refused with id `bad_metrics`.
Result<> read_metrics(std::string_view text, std::map<std::string, double>& into);

}  // namespace sluice::reports
