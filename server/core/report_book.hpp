#pragma once
/// What reports mean beyond their job: shards are judged together, tests that gave both answers on
/// one commit are flaky, numbers make a history. A finish goes through it in three steps: look()
/// in a snapshot, weigh() on the disk pool, record() in the transaction that ends the attempt.

#include "pipelines/protocol/agent.hpp"
#include "pipelines/reports/verdict.hpp"
#include "server/core/report_lists.hpp"
#include "server/store/jobs.hpp"
#include "server/store/reports.hpp"
#include "server/store/runs.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sluice::core {

/// The job whose attempt ends, and what the database knows around it.
struct FinishingJob {
    store::Job job;
    store::Run run;
    AttemptId attempt;
    model::JobSpec spec;
    bool ended_before = false;  ///< the attempt has been recorded: nothing is to be done again

    /// Of other attempts of this job, on the same commit.
    std::vector<AttemptId> earlier;
    std::vector<store::TestFailure> failures;

    /// The other shards, when all of them have ended; else empty.
    std::vector<store::Job> shards;
    bool is_last_shard = false;
};

/// Nothing when there is no such attempt. Any reading transaction.
std::optional<FinishingJob> look(store::Tx& tx, AttemptId attempt);

/// Reports of all shards as one. `own`: of the job that ends. Disk pool.
model::Reports joined_reports(const FinishingJob& finishing, const model::Reports& own,
                              ReportLists& lists);
/// The same of shards that have all ended.
model::Reports joined_reports(const std::vector<store::Job>& shards, ReportLists& lists);

/// What the weighing found; changes reports and outcome of the request.
struct Weighed {
    std::vector<store::TestFailure> failures;     ///< of this attempt
    std::vector<store::TestFailure> found_flaky;  ///< earlier failures of tests that pass now
    std::optional<model::Reports> joined;         ///< of all shards, by the last of them
    std::vector<JobId> shards;                    ///< that were joined
};
/// `base`: what the shards together are compared with. Disk pool.
Weighed weigh(const FinishingJob& finishing, protocol::FinishRequest& request,
              const reports::Baseline& base, ReportLists& lists);

/// After the attempt has ended. Inside the closure.
void record(store::Tx& tx, const FinishingJob& finishing, const model::Reports& reports,
            const Weighed& weighed, Timestamp now);

}  // namespace sluice::core
