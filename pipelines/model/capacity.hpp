#pragma once
/// What an agent has to give and what is left of it. Pure values, any thread.

#include "pipelines/base/json.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sluice::model {

struct Gpu {
    std::string uuid;         ///< as the driver knows it: `GPU-…`
    std::string model;        ///< `NVIDIA A100-SXM4-40GB`
    std::int64_t memory = 0;  ///< bytes
    bool operator==(const Gpu&) const = default;
};

struct Capacity {
    std::int64_t cpu_millis = 0;  ///< thousandths of a core
    std::int64_t memory = 0;      ///< bytes
    std::int64_t disk = 0;        ///< bytes
    std::vector<Gpu> gpus;        ///< healthy ones
    bool operator==(const Capacity&) const = default;
};

json::Value to_json(const Capacity& capacity);
Result<Capacity> capacity_from_json(const json::Value& value, std::string pointer);

/// What one job was given.
struct Reservation {
    std::int64_t cpu_millis = 0, memory = 0, disk = 0;
    std::vector<std::string> gpus;  ///< uuids
    bool empty() const { return cpu_millis == 0 && memory == 0 && disk == 0 && gpus.empty(); }
    bool operator==(const Reservation&) const = default;
};

/// Takes what the job asks out of `left`, all or nothing; nothing when it doesn't fit. Of the GPUs
/// that will do it takes the smallest.
std::optional<Reservation> reserve(const Resources& wanted, Capacity& left);
/// Takes what was given before; what isn't there any more is ignored.
void subtract(Capacity& left, const Reservation& given);
/// `4 cores, 8 GiB of memory, 2 GPUs`; "" when nothing is asked.
std::string to_words(const Resources& wanted);

}  // namespace sluice::model
