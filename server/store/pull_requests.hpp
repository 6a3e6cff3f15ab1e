#pragma once
/// The open pull requests of projects, as the forge told them last.
/// Free functions over a transaction, as in runs.hpp.

#include "pipelines/base/ids.hpp"
#include "server/store/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct PullRequestRow {
    ProjectId project;
    std::int64_t number = 0;
    std::string event;  ///< model::Event as JSON
};
/// Inserts it or takes the newer event.
void put_pull_request(Tx& tx, const PullRequestRow& row);
void remove_pull_request(Tx& tx, ProjectId project, std::int64_t number);
std::vector<PullRequestRow> all_pull_requests(Tx& tx);

}  // namespace sluice::store
