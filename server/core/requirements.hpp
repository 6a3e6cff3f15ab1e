#pragma once
/// What a job asks of an agent, as the queue knows it. Pure, any thread.

#include "pipelines/model/capacity.hpp"
#include "pipelines/plan/plan.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::core {

/// `runs_on`, and the executor that the job can't do without: an agent that has no containers never
/// gets a job with an image or services (reference A10). An image that is decided late counts as
/// one.
std::vector<std::string> required_labels(const plan::PlannedJob& job);

/// The requirement set as one text: sorted labels and what is asked of resources, separated by
/// commas; "" = any agent. Jobs with one key are alike for the queue.
std::string queue_key(std::vector<std::string> labels, const model::Resources& resources = {});

/// A key read back.
struct Requirement {
    std::vector<std::string> labels;
    model::Resources resources;
};
Requirement parse_queue_key(std::string_view key);

/// True when an agent with these labels has all of the requirement's.
bool labels_match(const Requirement& requirement, const std::set<std::string>& labels);

}  // namespace sluice::core
