#include "server/store/projects.hpp"

namespace sluice::store {

namespace {

constexpr std::string_view k_by_id =
    "SELECT id, name, url, default_branch, forge, hook_secret, created_at, status_api, "
    "status_repo, status_token_file FROM projects WHERE id = :a";
constexpr std::string_view k_by_name =
    "SELECT id, name, url, default_branch, forge, hook_secret, created_at, status_api, "
    "status_repo, status_token_file FROM projects WHERE name = :a";
constexpr std::string_view k_all =
    "SELECT id, name, url, default_branch, forge, hook_secret, created_at, status_api, "
    "status_repo, status_token_file FROM projects ORDER BY name";

template <class Row>
Project from_row(Row&& row) {
    auto& [id, name, url, branch, forge, secret, created, api, repo, token_file] = row;
    return {{id},
            std::move(name),
            std::move(url),
            std::move(branch),
            std::move(forge),
            std::move(secret),
            {created},
            std::move(api),
            std::move(repo),
            std::move(token_file),
            {}};
}

template <class Key>
std::optional<Project> find(Tx& tx, std::string_view sql, const Key& key) {
    using S = std::string;
    auto row = tx.one<std::int64_t, S, S, S, S, S, std::int64_t, S, S, S>(sql, key);
    if (!row) return std::nullopt;
    auto project = from_row(*row);
    project.policy = find_policy(tx, project.id);
    return project;
}

}  // namespace

ProjectId insert_project(Tx& tx, const Project& p) {
    auto row = tx.one<std::int64_t>(
        "INSERT INTO projects(name, url, default_branch, forge, hook_secret, created_at, "
        "status_api, status_repo, status_token_file) "
        "VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i) RETURNING id",
        p.name, p.url, p.default_branch, p.forge, p.hook_secret, p.created_at, p.status_api,
        p.status_repo, p.status_token_file);
    return {std::get<0>(*row)};
}

std::optional<Project> find_project(Tx& tx, ProjectId id) {
    return find(tx, k_by_id, id);
}
std::optional<Project> find_project(Tx& tx, std::string_view name) {
    return find(tx, k_by_name, name);
}

std::vector<Project> all_projects(Tx& tx) {
    using S = std::string;
    std::vector<Project> out;
    for (auto& row : tx.all<std::int64_t, S, S, S, S, S, std::int64_t, S, S, S>(k_all))
        out.push_back(from_row(row));
    for (auto& project : out) project.policy = find_policy(tx, project.id);
    return out;
}

void set_hook_secret(Tx& tx, ProjectId id, std::string_view secret) {
    tx.exec("UPDATE projects SET hook_secret = :a WHERE id = :b", secret, id);
}

std::int64_t next_run_number(Tx& tx, ProjectId id) {
    return std::get<0>(
        tx.one<std::int64_t>("SELECT next_number FROM projects WHERE id = :a", id).value());
}

void take_run_number(Tx& tx, ProjectId id, std::int64_t number) {
    tx.exec("UPDATE projects SET next_number = max(next_number, :a) WHERE id = :b", number + 1, id);
}

}  // namespace sluice::store
