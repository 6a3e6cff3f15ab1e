#pragma once
/// A job's reports as text for people: a few lines for `run show`, all that matters for `run
/// reports`.

#include "cli/context.hpp"
#include "pipelines/base/json.hpp"

namespace sluice::cli {

/// A job with what the server says of its reports. Of shards: one for all of them.
struct JobReports {
    std::string key;  ///< without the shard
    std::int64_t job = 0;
    json::Value reports, comparison;
};

/// Of the jobs of a run that have reports, at most 50. `only`: the key of a job, with or without
/// its shard; "" = all. An older server that knows no comparison gives none.
Result<std::vector<JobReports>> reports_of(ApiClient& server, const json::Array& jobs,
                                           const std::string& only);

/// `test  412 tests (+3), 2 failed (1 new), 1 flaky; coverage.lines 73.3% (+0.4)`.
void print_report_line(const Terminal& out, const JobReports& job);
/// Thresholds, new and other failures, new findings, uncovered changed lines, numbers.
Result<> print_reports(const Terminal& out, ApiClient& server, const JobReports& job);

}  // namespace sluice::cli
