#include "server/store/policy.hpp"

#include "pipelines/base/json.hpp"

namespace sluice::store {

namespace {

std::string to_column(const std::vector<std::string>& globs) {
    json::Array out;
    for (const auto& glob : globs) out.emplace_back(glob);
    return json::serialize(out);
}

std::vector<std::string> from_column(const std::string& text) {
    std::vector<std::string> out;
    const auto value = json::parse(text).value();
    for (const auto& glob : value.as_array()) out.emplace_back(glob.as_string());
    return out;
}

}  // namespace

Policy find_policy(Tx& tx, ProjectId project) {
    using S = std::string;
    const auto [branches, tags, changes, statuses] =
        tx.one<S, S, S, std::int64_t>(
              "SELECT protected_branches, protected_tags, config_changes, job_statuses FROM "
              "projects WHERE id = :a",
              project)
            .value();
    return {from_column(branches), from_column(tags), parse_enum<ConfigChanges>(changes).value(),
            statuses != 0};
}

void set_policy(Tx& tx, ProjectId project, const Policy& policy) {
    tx.exec(
        "UPDATE projects SET protected_branches = :a, protected_tags = :b, config_changes = :c, "
        "job_statuses = :d WHERE id = :e",
        to_column(policy.protected_branches), to_column(policy.protected_tags),
        to_text(policy.config_changes), policy.job_statuses ? 1 : 0, project);
}

}  // namespace sluice::store
