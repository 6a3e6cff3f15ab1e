#pragma once
/// What is kept of reports in the database: numbers per job and run, and tests that failed. The
/// reports themselves are JSON of jobs and files beside the logs.
/// Free functions over a transaction: they persist and decide nothing; times are passed in. Changes
/// run on the writer thread, reads there or on the db pool. `key` is always the id of a job without
/// its shard.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct JobMetrics {
    ProjectId project;
    std::string key;
    RunId run;
    JobId job;
    std::string metrics;  ///< JSON
    // Reading only.
    std::int64_t number = 0;
    std::string sha;
    Timestamp at;
};
/// Replaces what the run had under the key.
void put_metrics(Tx& tx, const JobMetrics& metrics);
std::optional<std::string> find_metrics(Tx& tx, RunId run, std::string_view key);
struct MetricFilter {
    ProjectId project;
    std::string key;
    std::string branch;  ///< runs of pushes to it, and what runs there by hand or by the clock
    std::int64_t limit = 50;
};
/// Newest first.
std::vector<JobMetrics> metric_history(Tx& tx, const MetricFilter& filter);
/// Keys that have numbers on the branch, by name; at most 200.
std::vector<std::string> metric_keys(Tx& tx, ProjectId project, std::string_view branch);

struct TestFailure {
    ProjectId project;
    std::string key, suite, name, sha;
    RunId run;
    JobId job;
    AttemptId attempt;
    bool flaky = false;
    std::string message;
    Timestamp at;
};
/// A second one of the same attempt and name changes nothing.
void insert_test_failure(Tx& tx, const TestFailure& failure);
std::vector<TestFailure> failures_at(Tx& tx, ProjectId project, std::string_view key,
                                     std::string_view sha);
/// Of all failures of that test on that commit.
void mark_flaky(Tx& tx, const TestFailure& failure);
void forget_failures(Tx& tx, ProjectId project, Timestamp before);

/// A test over the time.
struct TestRecord {
    std::string key, suite, name;
    std::int64_t failures = 0;       ///< attempts in which it failed
    std::int64_t commits = 0;        ///< on which it failed
    std::int64_t flaky_commits = 0;  ///< of those: on which it passed, too
    RunId last_run;
    JobId last_job;
    std::string message;  ///< of the last failure
    Timestamp last_at;
};
/// Tests that failed since then: most flaky commits first, then most failures, then by name. `key`
/// "" = of all jobs.
std::vector<TestRecord> test_records(Tx& tx, ProjectId project, std::string_view key,
                                     Timestamp since, bool only_flaky, std::int64_t limit);

/// Other attempts of the same job (of any of its shards) on that commit that have finished, newest
/// first.
std::vector<AttemptId> attempts_at(Tx& tx, ProjectId project, std::string_view key,
                                   std::string_view sha, AttemptId except, std::int64_t limit);

}  // namespace sluice::store
