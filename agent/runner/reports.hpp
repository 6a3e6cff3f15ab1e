#pragma once
/// Collects the reports a job names, after its steps. Foreign files: never followed out of the
/// workspace. Blocking.

#include "pipelines/model/outcome.hpp"
#include "pipelines/model/spec.hpp"
#include "platform/files.hpp"

namespace sluice::agent {

/// What cannot be found or read becomes a line in `problems`, never a failure.
model::Reports collect_reports(const std::vector<model::ReportSpec>& wanted,
                               const files::Path& workspace);

}  // namespace sluice::agent
