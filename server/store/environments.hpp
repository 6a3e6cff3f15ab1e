#pragma once
/// Environments that a project protects, and what was deployed where.
/// Free functions over a transaction, as in jobs.hpp: they persist and decide nothing.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

using EnvironmentId = Id<struct EnvironmentTag>;

struct Environment {
    EnvironmentId id;
    ProjectId project;
    std::string name;
    std::vector<std::string> approvers;  ///< roles, or people; empty = the role write
    std::int64_t approvals = 0;          ///< different people who must agree
    bool reason_required = false;
    Duration expires{};                 ///< for giving an approval
    Duration wait{};                    ///< before a job goes, whoever agreed
    std::vector<std::string> events;    ///< names of event kinds
    std::vector<std::string> branches;  ///< globs
    std::vector<std::string> tags;      ///< globs
    std::string set_by;
    Timestamp set_at;
};

/// One of that project and name is replaced.
EnvironmentId put_environment(Tx& tx, const Environment& environment);
std::vector<Environment> environments_of(Tx& tx, ProjectId project);
std::optional<Environment> find_environment(Tx& tx, EnvironmentId id);
std::optional<Environment> find_environment(Tx& tx, ProjectId project, std::string_view name);
void remove_environment(Tx& tx, EnvironmentId id);

/// A job for an environment, with what people want to know of it.
struct Deployment {
    JobId job;
    RunId run;
    std::int64_t run_number = 0;
    std::string environment, url;
    std::string job_key, state, sha, branch, tag, approved_by;
    std::optional<std::int64_t> finished_at;
};

/// Once per job; again changes nothing.
void insert_deployment(Tx& tx, ProjectId project, RunId run, JobId job,
                       std::string_view environment, std::string_view url);
/// Newest run first; "" = of every environment.
std::vector<Deployment> deployments_of(Tx& tx, ProjectId project, std::string_view environment,
                                       std::int64_t limit);
/// The newest that succeeded.
std::optional<Deployment> current_deployment(Tx& tx, ProjectId project,
                                             std::string_view environment);
/// Names that jobs of the project have asked for, by name: of more than `limit` those that were
/// asked for last.
std::vector<std::string> deployed_environments(Tx& tx, ProjectId project, std::int64_t limit);
/// How many jobs for it wait for people or time, by environment, where there are any.
std::map<std::string, std::int64_t> held_deployments(Tx& tx, ProjectId project);
/// Number of the newest run after `run` whose job there runs or has succeeded; 0 = none.
std::int64_t newer_deployment(Tx& tx, ProjectId project, std::string_view environment, RunId run);

}  // namespace sluice::store
