#pragma once
/// What this machine has to give: processors, memory, disk and GPUs. Blocking. Any thread.

#include "pipelines/model/capacity.hpp"
#include "platform/files.hpp"

#include <string_view>
#include <vector>

namespace sluice::agent {

model::Capacity take_inventory(const files::Path& agent_dir);

/// The lines of `nvidia-smi
/// --query-gpu=uuid,name,memory.total,ecc.errors.uncorrected.volatile.total
/// --format=csv,noheader,nounits`. A GPU with uncorrected errors, or one that the driver has lost,
/// is left out.
std::vector<model::Gpu> parse_gpus(std::string_view lines);

}  // namespace sluice::agent
