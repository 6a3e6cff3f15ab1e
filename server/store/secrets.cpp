#include "server/store/secrets.hpp"

#include "server/store/text_list.hpp"

#include <fmt/format.h>

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

constexpr std::string_view k_columns =
    "SELECT id, project_id, name, environment, events, branches, sealed, set_by, set_at FROM "
    "secrets ";

template <class... Args>
std::vector<Secret> select(Tx& tx, std::string_view where, const Args&... args) {
    std::vector<Secret> out;
    for (auto& [id, project, name, environment, events, branches, sealed, by, at] :
         tx.all<I, I, S, S, S, S, S, S, I>(S(k_columns) + S(where), args...))
        out.push_back({{id},
                       {project},
                       std::move(name),
                       std::move(environment),
                       list_of(events),
                       list_of(branches),
                       std::move(sealed),
                       std::move(by),
                       {at}});
    return out;
}

}  // namespace

std::string secret_context(ProjectId project, std::string_view name, std::string_view environment) {
    // Lengths first: no two places have one text.
    return fmt::format("secret {} {}:{} {}:{}", project.value, name.size(), name,
                       environment.size(), environment);
}

SecretId put_secret(Tx& tx, const Secret& s) {
    auto row = tx.one<I>(
        "INSERT INTO secrets(project_id, name, environment, events, branches, sealed, set_by, "
        "set_at) VALUES (:a, :b, :c, :d, :e, :f, :g, :h) ON CONFLICT (project_id, name, "
        "environment) DO UPDATE SET events = excluded.events, branches = excluded.branches, sealed "
        "= excluded.sealed, set_by = excluded.set_by, set_at = excluded.set_at RETURNING id",
        s.project, s.name, s.environment, list_text(s.events), list_text(s.branches), s.sealed,
        s.set_by, s.set_at);
    return {std::get<0>(*row)};
}

std::vector<Secret> secrets_of(Tx& tx, ProjectId project) {
    return select(tx, "WHERE project_id = :a ORDER BY name, environment", project);
}

std::vector<Secret> secrets_named(Tx& tx, ProjectId project, std::string_view name) {
    return select(tx, "WHERE project_id = :a AND name = :b ORDER BY environment", project, name);
}

std::optional<Secret> find_secret(Tx& tx, SecretId id) {
    auto found = select(tx, "WHERE id = :a", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void remove_secret(Tx& tx, SecretId id) {
    tx.exec("DELETE FROM secrets WHERE id = :a", id);
}

std::vector<Secret> all_secrets(Tx& tx) {
    return select(tx, "ORDER BY id");
}

void reseal_secret(Tx& tx, SecretId id, std::string_view sealed) {
    tx.exec("UPDATE secrets SET sealed = :a WHERE id = :b", sealed, id);
}

}  // namespace sluice::store
