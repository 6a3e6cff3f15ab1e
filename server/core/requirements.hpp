#pragma once
/// What a job asks of an agent. Pure, any thread.

#include "pipelines/plan/plan.hpp"

#include <string>
#include <vector>

namespace sluice::core {

/// `runs_on`, and the executor that the job can't do without: an agent that has no containers never
/// gets a job with an image (reference A10). An image that is decided late counts as one.
std::vector<std::string> required_labels(const plan::PlannedJob& job);

}  // namespace sluice::core
