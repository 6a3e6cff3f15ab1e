#pragma once
/// What a job is compared with: the newest run of the same job at the commit its change starts
/// from, else the newest one of the branch it goes to. Runs on the db pool.

#include "server/store/jobs.hpp"
#include "server/store/runs.hpp"

#include <optional>
#include <string>

namespace sluice::core {

/// Where the change of a run starts, for git (see git::SnapshotRequest).
struct BaseQuery {
    std::string base;             ///< a commit, or ""
    std::string fallback_branch;  ///< "" = none
    bool use_merge_base = false;
};
/// Pull requests: the merge base with the target. Pushes: the old tip, else the merge base with the
/// default branch. Others: nothing to ask git about.
std::optional<BaseQuery> base_of(const store::Run& run, const std::string& default_branch);

/// The id of a job without its shard: what its history goes by.
std::string job_key(const store::Job& job);

struct BaselineJob {
    store::Job job;
    std::vector<store::Job> jobs;  ///< all its shards; else the job alone
    store::Run run;
    std::string name;  ///< `run 12 of main (1a2b3c4)`
};
BaselineJob baseline_job(store::Tx& tx, store::Job job, store::Run run);
/// `base_sha`: what git said, "" = unknown. Only jobs that ended with reports, of earlier runs.
std::optional<BaselineJob> find_baseline(store::Tx& tx, const store::Run& run,
                                         const store::Job& job, const std::string& base_sha,
                                         const std::string& default_branch);

}  // namespace sluice::core
