#pragma once
/// Scalars of the language that have a unit (reference A8), parsed strictly: no spaces, no sign, no
/// exponent. Pure, any thread. Refusals have an id `bad_…` and a message that shows the value and a
/// right example.

#include "pipelines/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

/// `0.8`, `-3`, `1e-4`: what YAML calls a number, but no hex, no infinity. Nothing else is one.
std::optional<double> parse_decimal(std::string_view text);

/// `8Gi`, `500M`: bytes, rounded down. Units K M G T (1000) and Ki Mi Gi Ti (1024); at most 2^53.
Result<std::int64_t> parse_size(std::string_view text);

/// `4`, `0.5`, `500m`: thousandths of a core, at least 1.
Result<std::int64_t> parse_cpu(std::string_view text);

/// `75%`: 75.
Result<double> parse_percent(std::string_view text);

/// `"04:00"`: minutes since midnight.
Result<int> parse_time_of_day(std::string_view text);

}  // namespace sluice
