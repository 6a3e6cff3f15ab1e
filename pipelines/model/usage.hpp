#pragma once
/// What an attempt used, as its runner measured it. Pure values, any thread.

#include "pipelines/base/json.hpp"

#include <vector>

namespace sluice::model {

struct UsageSample {
    std::int64_t at_ms = 0;     ///< since the first step began
    std::int64_t cpu_ms = 0;    ///< processor time so far, of all processes
    std::int64_t resident = 0;  ///< bytes in memory now
    bool operator==(const UsageSample&) const = default;
};

inline constexpr std::size_t k_usage_samples_max = 240;

struct Usage {
    std::int64_t cpu_ms = 0;
    std::int64_t peak = 0;             ///< the most bytes seen in memory
    std::vector<UsageSample> samples;  ///< in order, at most k_usage_samples_max
    bool operator==(const Usage&) const = default;
};

json::Value to_json(const UsageSample& sample);
json::Value to_json(const Usage& usage);
Result<UsageSample> usage_sample_from_json(const json::Value& value, std::string pointer);
Result<Usage> usage_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model
