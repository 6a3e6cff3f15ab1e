#include "server/store/environments.hpp"

#include "server/store/text_list.hpp"

#include <algorithm>

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;
using OI = std::optional<std::int64_t>;

constexpr std::string_view k_columns =
    "SELECT id, project_id, name, approvers, approvals, reason_required, expires_ms, wait_ms, "
    "events, branches, tags, set_by, set_at FROM environments ";

constexpr std::string_view k_deployments =
    "SELECT d.job_id, d.run_id, r.number, d.environment, d.url, j.key, j.state, r.sha, r.branch, "
    "r.tag, coalesce(a.decided_by, ''), j.finished_at FROM deployments d JOIN jobs j ON j.id = "
    "d.job_id JOIN runs r ON r.id = d.run_id LEFT JOIN approvals a ON a.job_id = d.job_id ";

template <class... Args>
std::vector<Environment> select(Tx& tx, std::string_view where, const Args&... args) {
    std::vector<Environment> out;
    for (auto& [id, project, name, approvers, approvals, reason, expires, wait, events, branches,
                tags, by, at] :
         tx.all<I, I, S, S, I, bool, I, I, S, S, S, S, I>(S(k_columns) + S(where), args...))
        out.push_back({{id},
                       {project},
                       std::move(name),
                       list_of(approvers),
                       approvals,
                       reason,
                       Duration{expires},
                       Duration{wait},
                       list_of(events),
                       list_of(branches),
                       list_of(tags),
                       std::move(by),
                       {at}});
    return out;
}

template <class... Args>
std::vector<Deployment> deployments(Tx& tx, std::string_view where, const Args&... args) {
    std::vector<Deployment> out;
    for (auto& [job, run, number, environment, url, key, state, sha, branch, tag, by, at] :
         tx.all<I, I, I, S, S, S, S, S, S, S, S, OI>(S(k_deployments) + S(where), args...))
        out.push_back({{job},
                       {run},
                       number,
                       std::move(environment),
                       std::move(url),
                       std::move(key),
                       std::move(state),
                       std::move(sha),
                       std::move(branch),
                       std::move(tag),
                       std::move(by),
                       at});
    return out;
}

template <class T>
std::optional<T> first(std::vector<T> found) {
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

}  // namespace

EnvironmentId put_environment(Tx& tx, const Environment& e) {
    auto row = tx.one<I>(
        "INSERT INTO environments(project_id, name, approvers, approvals, reason_required, "
        "expires_ms, wait_ms, events, branches, tags, set_by, set_at) VALUES (:a, :b, :c, :d, :e, "
        ":f, :g, :h, :i, :j, :k, :l) ON CONFLICT (project_id, name) DO UPDATE SET approvers = "
        "excluded.approvers, approvals = excluded.approvals, reason_required = "
        "excluded.reason_required, expires_ms = excluded.expires_ms, wait_ms = excluded.wait_ms, "
        "events = excluded.events, branches = excluded.branches, tags = excluded.tags, set_by = "
        "excluded.set_by, set_at = excluded.set_at RETURNING id",
        e.project, e.name, list_text(e.approvers), e.approvals, e.reason_required,
        e.expires.count(), e.wait.count(), list_text(e.events), list_text(e.branches),
        list_text(e.tags), e.set_by, e.set_at);
    return {std::get<0>(*row)};
}

std::vector<Environment> environments_of(Tx& tx, ProjectId project) {
    return select(tx, "WHERE project_id = :a ORDER BY name", project);
}

std::optional<Environment> find_environment(Tx& tx, EnvironmentId id) {
    return first(select(tx, "WHERE id = :a", id));
}

std::optional<Environment> find_environment(Tx& tx, ProjectId project, std::string_view name) {
    return first(select(tx, "WHERE project_id = :a AND name = :b", project, name));
}

void remove_environment(Tx& tx, EnvironmentId id) {
    tx.exec("DELETE FROM environments WHERE id = :a", id);
}

void insert_deployment(Tx& tx, ProjectId project, RunId run, JobId job,
                       std::string_view environment, std::string_view url) {
    tx.exec(
        "INSERT INTO deployments(job_id, project_id, run_id, environment, url) VALUES (:a, :b, :c, "
        ":d, :e) ON CONFLICT (job_id) DO NOTHING",
        job, project, run, environment, url);
}

std::vector<Deployment> deployments_of(Tx& tx, ProjectId project, std::string_view environment,
                                       std::int64_t limit) {
    if (environment.empty())
        return deployments(tx,
                           "WHERE d.project_id = :a ORDER BY d.run_id DESC, d.job_id DESC LIMIT :b",
                           project, limit);
    return deployments(tx,
                       "WHERE d.project_id = :a AND d.environment = :b ORDER BY d.run_id DESC, "
                       "d.job_id DESC LIMIT :c",
                       project, environment, limit);
}

std::optional<Deployment> current_deployment(Tx& tx, ProjectId project,
                                             std::string_view environment) {
    return first(
        deployments(tx,
                    "WHERE d.project_id = :a AND d.environment = :b AND j.state IN ('passed', "
                    "'warned') ORDER BY d.run_id DESC, j.finished_at DESC LIMIT 1",
                    project, environment));
}

std::vector<std::string> deployed_environments(Tx& tx, ProjectId project, std::int64_t limit) {
    std::vector<std::string> out;
    for (auto& [name, last] :
         tx.all<S, I>("SELECT environment, max(run_id) AS last FROM deployments WHERE project_id = "
                      ":a GROUP BY environment ORDER BY last DESC LIMIT :b",
                      project, limit))
        out.push_back(std::move(name));
    std::sort(out.begin(), out.end());
    return out;
}

std::map<std::string, std::int64_t> held_deployments(Tx& tx, ProjectId project) {
    std::map<std::string, std::int64_t> out;
    // From the jobs that have not ended: past deployments are without number.
    for (auto& [name, count] : tx.all<S, I>(
             "SELECT d.environment, count(*) FROM jobs j JOIN deployments d ON d.job_id = j.id "
             "WHERE j.finished_at IS NULL AND j.state = 'held' AND d.project_id = :a GROUP BY 1",
             project))
        out[std::move(name)] = count;
    return out;
}

std::int64_t newer_deployment(Tx& tx, ProjectId project, std::string_view environment, RunId run) {
    const auto row = tx.one<I>(
        "SELECT r.number FROM deployments d JOIN jobs j ON j.id = d.job_id JOIN runs r ON r.id = "
        "d.run_id WHERE d.project_id = :a AND d.environment = :b AND d.run_id > :c AND j.state IN "
        "('running', 'passed', 'warned') ORDER BY d.run_id DESC LIMIT 1",
        project, environment, run);
    return row ? std::get<0>(*row) : 0;
}

}  // namespace sluice::store
