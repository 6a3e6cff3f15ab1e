#pragma once
/// Which outputs a merged job declares, and those that its kind declares for it (reference A3).
/// Pure, any thread.

#include "pipelines/config/node.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <map>
#include <string>

namespace sluice::plan {

/// Outputs that every job of the kind has.
std::map<std::string, model::OutputType> kind_outputs(std::string_view kind);

/// All outputs of the job, those of its kind included.
std::map<std::string, model::OutputType> outputs_of(const config::Node& job);

}  // namespace sluice::plan
