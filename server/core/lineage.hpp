#pragma once
/// Where files came from (kind `train` and its like): commit, params, digests of inputs, numbers,
/// environment. Recorded with the files, so that it is true after everything else has gone.

#include "pipelines/protocol/agent.hpp"
#include "server/store/runs.hpp"

namespace sluice::core {

/// JSON of one object; for packs of an attempt that ends so.
std::string lineage_of(const store::Run& run, JobId job, const model::JobSpec& spec,
                       const protocol::FinishRequest& request);

}  // namespace sluice::core
