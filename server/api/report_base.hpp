#pragma once
/// What a job is compared with: git says where its change starts, the store which job ran there.

#include "pipelines/protocol/agent.hpp"
#include "pipelines/reports/threshold.hpp"
#include "server/api/api.hpp"
#include "server/core/baseline.hpp"

namespace sluice::api {

struct Base {
    std::optional<core::BaselineJob> job;
    std::optional<core::BaselineJob> target;  ///< when a threshold compares with it
    git::Snapshot changes;
    std::string why;  ///< there is none

    /// Of all its shards; empty without a job.
    std::vector<AttemptId> attempts() const;
};
/// Of a job that runs, as its runner asks.
awaitable<Result<Base>> find_base(Api& api, RunId run, JobId job);

/// The numbers of the base's reports, of all its shards together.
awaitable<std::optional<reports::Metrics>> base_metrics(Api& api, const core::BaselineJob& base);

/// Ends an attempt with its reports: thresholds of shards, flaky tests and the history beside what
/// lifecycle does.
awaitable<Result<model::JobState>> finish_attempt(Api& api, AttemptId id,
                                                  protocol::FinishRequest request,
                                                  std::string digest);

/// `findings`, `tests` or `coverage` of the path.
Result<std::string> report_name(const Request& request);
/// The report of all those attempts as a file; 404 when none has it.
awaitable<Reply> report_file(Api& api, std::vector<AttemptId> attempts, std::string name);

}  // namespace sluice::api
