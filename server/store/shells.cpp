#include "server/store/shells.hpp"

namespace sluice::store {

namespace {

using I = std::int64_t;
using S = std::string;
using OI = std::optional<std::int64_t>;

constexpr std::string_view k_select =
    "SELECT s.id, s.attempt_id, s.job_id, j.run_id, p.name, j.key, s.agent, s.opened_by, "
    "s.decided_by, s.state, s.asked_at, s.opened_at, s.ended_at, s.exit_code, s.ending FROM shells "
    "s JOIN jobs j ON j.id = s.job_id JOIN runs r ON r.id = j.run_id JOIN projects p ON p.id = "
    "r.project_id ";

template <class... Args>
std::vector<Shell> select(Tx& tx, std::string_view rest, const Args&... args) {
    std::vector<Shell> out;
    for (auto& [id, attempt, job, run, project, key, agent, opened_by, decided_by, state, asked,
                opened, ended, exit_code, ending] :
         tx.all<I, I, I, I, S, S, S, S, S, S, I, OI, OI, OI, S>(
             std::string(k_select) + std::string(rest), args...))
        out.push_back({.id = {id},
                       .attempt = {attempt},
                       .job = {job},
                       .run = {run},
                       .project = std::move(project),
                       .job_key = std::move(key),
                       .agent = std::move(agent),
                       .opened_by = std::move(opened_by),
                       .decided_by = std::move(decided_by),
                       .state = parse_enum<ShellState>(state).value(),
                       .asked_at = {asked},
                       .opened_at = opened,
                       .ended_at = ended,
                       .exit_code = exit_code,
                       .ending = std::move(ending)});
    return out;
}

}  // namespace

ShellId insert_shell(Tx& tx, const Shell& shell) {
    auto row = tx.one<I>(
        "INSERT INTO shells(attempt_id, job_id, agent, opened_by, state, asked_at) VALUES (:a, :b, "
        ":c, :d, :e, :f) RETURNING id",
        shell.attempt, shell.job, shell.agent, shell.opened_by, to_text(shell.state),
        shell.asked_at);
    return {std::get<0>(*row)};
}

void update_shell(Tx& tx, const Shell& shell) {
    tx.exec(
        "UPDATE shells SET state = :a, decided_by = :b, opened_at = :c, ended_at = :d, exit_code = "
        ":e, ending = :f WHERE id = :g AND state <> 'ended' AND NOT (state = 'open' AND :h = "
        "'waiting')",
        to_text(shell.state), shell.decided_by, shell.opened_at, shell.ended_at, shell.exit_code,
        shell.ending, shell.id, to_text(shell.state));
}

std::optional<Shell> find_shell(Tx& tx, ShellId id) {
    auto found = select(tx, "WHERE s.id = :a", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

std::vector<Shell> list_shells(Tx& tx, JobId job, std::int64_t limit) {
    if (job) return select(tx, "WHERE s.job_id = :a ORDER BY s.id DESC LIMIT :b", job, limit);
    return select(tx, "ORDER BY s.id DESC LIMIT :a", limit);
}

std::vector<Shell> live_shells(Tx& tx) {
    return select(tx, "WHERE s.state <> 'ended' ORDER BY s.id");
}

}  // namespace sluice::store
