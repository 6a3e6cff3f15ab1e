#pragma once
/// Reports of the shards of one job → the report of the job. Pure, any thread.

#include "pipelines/model/reports.hpp"

#include <vector>

namespace sluice::reports {

/// Counts add up; failures, flaky tests and slowest ones keep their limits. Of a metric that
/// several shards give, the last one's value stays. Coverage is left out: lines of one file have to
/// be joined by the full reports (JoinedCoverage); so are thresholds and names of files.
model::Reports join(const std::vector<model::Reports>& parts);

}  // namespace sluice::reports
