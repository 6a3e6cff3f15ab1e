#pragma once
/// Any key of a merged job as JSON, by its row of the schema: what JobSpec::settings holds. Pure.

#include "pipelines/plan/evaluation.hpp"

namespace sluice::plan {

/// See JobSpec::settings for how scalars are written. Mistakes are in the evaluation.
json::Value lower_value(const config::Node& node, const config::Key& row, Evaluation& evaluation);

/// A text that fits `type`, written so.
json::Value typed_value(config::Scalar type, const std::string& text);

}  // namespace sluice::plan
