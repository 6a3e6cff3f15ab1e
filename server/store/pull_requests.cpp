#include "server/store/pull_requests.hpp"

namespace sluice::store {

void put_pull_request(Tx& tx, const PullRequestRow& row) {
    tx.exec(
        "INSERT INTO pull_requests (project_id, number, event) VALUES (:a, :b, :c) "
        "ON CONFLICT (project_id, number) DO UPDATE SET event = excluded.event",
        row.project, row.number, row.event);
}

void remove_pull_request(Tx& tx, ProjectId project, std::int64_t number) {
    tx.exec("DELETE FROM pull_requests WHERE project_id = :a AND number = :b", project, number);
}

std::vector<PullRequestRow> all_pull_requests(Tx& tx) {
    std::vector<PullRequestRow> out;
    for (auto& [project, number, event] : tx.all<std::int64_t, std::int64_t, std::string>(
             "SELECT project_id, number, event FROM pull_requests"))
        out.push_back({{project}, number, std::move(event)});
    return out;
}

}  // namespace sluice::store
