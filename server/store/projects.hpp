#pragma once
/// Repositories known to the server.
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"
#include "server/store/policy.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Project {
    ProjectId id;
    std::string name, url, default_branch, forge, hook_secret;
    Timestamp created_at;
    std::string status_api,
        status_repo;  ///< commit statuses: base URL of the forge's API, its name of the repository
    std::string status_token_file;  ///< absolute path on the server; read at each use
    Policy policy;
};
ProjectId insert_project(Tx& tx, const Project& project);
std::optional<Project> find_project(Tx& tx, ProjectId id);
std::optional<Project> find_project(Tx& tx, std::string_view name);
std::vector<Project> all_projects(Tx& tx);
void set_hook_secret(Tx& tx, ProjectId id, std::string_view secret);
/// The number that the next run would get.
std::int64_t next_run_number(Tx& tx, ProjectId id);
/// `number` is taken: later runs get higher ones.
void take_run_number(Tx& tx, ProjectId id, std::int64_t number);

}  // namespace sluice::store
