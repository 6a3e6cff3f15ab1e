#pragma once
/// `shards: 3` → three cells that share a job's tests (docs/decisions/0012). Pure.

#include "pipelines/plan/plan.hpp"

#include <string>
#include <vector>

namespace sluice::plan {

inline constexpr int k_max_shards = 64;

/// `test` → `test (1/3)`, `test (2/3)`, `test (3/3)`; `test (3.11)` → `test (3.11, 1/3)` … All keep
/// the base id, so needs and gates see one job. A job without shards comes back as it is.
std::vector<PlannedJob> split_into_shards(PlannedJob job);

/// The id that the shards of a job have in common: `test (3.11)` of `test (3.11, 1/3)`; "" for a
/// job that is no shard.
std::string shard_group(const model::JobSpec& spec);

}  // namespace sluice::plan
