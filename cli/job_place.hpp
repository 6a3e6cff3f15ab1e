#pragma once
/// How people name a job: `12/test`, the run's id and the job's key.

#include "cli/api_client.hpp"

#include <string>
#include <vector>

namespace sluice::cli {

/// `12` or `12/build`.
struct Place {
    std::string run, job;
};
Place place_of(const std::string& text);

struct JobHere {
    std::int64_t id = 0;
    std::string key;
};
/// The job of that key in a run's detail, which outlives the result.
Result<const json::Value*> job_in(const json::Value& detail, const std::string& run,
                                  const std::string& key);
/// Jobs of the run, only that one when it is named.
Result<std::vector<JobHere>> jobs_of(ApiClient& server, const Place& place);
/// The one job of RUN/JOB, or of a run that has no other.
Result<JobHere> job_of(ApiClient& server, const std::string& text);

}  // namespace sluice::cli
