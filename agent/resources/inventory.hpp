#pragma once
/// What this machine has to give: processors, memory, disk and GPUs. Blocking. Any thread.

#include "platform/files.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::agent {

struct FoundGpu {
    std::string uuid;         ///< as nvidia-smi knows it: `GPU-…`
    std::string model;        ///< `NVIDIA A100-SXM4-40GB`
    std::int64_t memory = 0;  ///< bytes
    bool operator==(const FoundGpu&) const = default;
};

struct Inventory {
    std::int64_t cpu_millis = 0;  ///< thousandths of a core that this process may use
    std::int64_t memory = 0;      ///< bytes; the machine's, or the limit of this process's group
    std::int64_t disk = 0;        ///< bytes free on the volume of the agent's folder
    std::vector<FoundGpu> gpus;   ///< healthy ones
    bool operator==(const Inventory&) const = default;
};

Inventory take_inventory(const files::Path& agent_dir);

/// The lines of `nvidia-smi
/// --query-gpu=uuid,name,memory.total,ecc.errors.uncorrected.volatile.total
/// --format=csv,noheader,nounits`. A GPU with uncorrected errors, or one that the driver has lost,
/// is left out.
std::vector<FoundGpu> parse_gpus(std::string_view lines);

}  // namespace sluice::agent
