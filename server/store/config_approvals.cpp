#include "server/store/config_approvals.hpp"

namespace sluice::store {

void put_config_approval(Tx& tx, const ConfigApproval& a) {
    tx.exec(
        "INSERT INTO config_approvals(project_id, sha, branch, digest, decided_by, reason, "
        "decided_at) VALUES (:a, :b, :c, :d, :e, :f, :g) ON CONFLICT DO NOTHING",
        a.key.project, a.key.sha, a.key.branch, a.key.digest, a.decided_by, a.reason, a.decided_at);
}

std::optional<ConfigApproval> find_config_approval(Tx& tx, const ConfigEditKey& key) {
    auto row = tx.one<std::string, std::string, std::int64_t>(
        "SELECT decided_by, reason, decided_at FROM config_approvals WHERE project_id = :a AND "
        "sha = :b AND branch = :c AND digest = :d",
        key.project, key.sha, key.branch, key.digest);
    if (!row) return std::nullopt;
    auto& [by, reason, at] = *row;
    return ConfigApproval{key, std::move(by), std::move(reason), {at}};
}

}  // namespace sluice::store
