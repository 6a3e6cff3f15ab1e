#include "server/store/agents.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;
using OI = std::optional<std::int64_t>;

constexpr const char* k_columns =
    "SELECT id, install_id, name, token_hash, labels, draining, capacity, session, os, arch, host, "
    "build, last_seen_at, created_at, paused, facts "
    "FROM agents ";

template <class... Args>
std::vector<Agent> select(Tx& tx, std::string_view where, const Args&... args) {
    std::vector<Agent> out;
    for (auto& row : tx.all<I, S, S, S, S, bool, I, S, S, S, S, S, OI, I, bool, S>(
             k_columns + std::string(where), args...)) {
        auto& [id, install, name, token, labels, draining, capacity, session, os, arch, host, build,
               seen, created, paused, facts] = row;
        out.push_back(Agent{{id},
                            install,
                            name,
                            token,
                            labels,
                            draining,
                            capacity,
                            session,
                            os,
                            arch,
                            host,
                            build,
                            seen,
                            {created},
                            paused,
                            facts});
    }
    return out;
}

template <class... Args>
std::optional<Agent> select_one(Tx& tx, std::string_view where, const Args&... args) {
    auto rows = select(tx, where, args...);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

}  // namespace

AgentId insert_agent(Tx& tx, const Agent& a) {
    auto row = tx.one<I>(
        "INSERT INTO agents(install_id, name, token_hash, labels, capacity, os, arch, host, build, "
        "created_at) "
        "VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j) RETURNING id",
        a.install_id, a.name, a.token_hash, a.labels, a.capacity, a.os, a.arch, a.host, a.build,
        a.created_at);
    return {std::get<0>(*row)};
}

void update_agent_registration(Tx& tx, const Agent& a) {
    tx.exec(
        "UPDATE agents SET token_hash = :a, labels = :b, os = :c, arch = :d, host = :e, build = :f "
        "WHERE id = :g",
        a.token_hash, a.labels, a.os, a.arch, a.host, a.build, a.id);
}

std::optional<Agent> find_agent(Tx& tx, AgentId id) {
    return select_one(tx, "WHERE id = :a", id);
}
std::optional<Agent> find_agent_by_token(Tx& tx, std::string_view hash) {
    return select_one(tx, "WHERE token_hash = :a", hash);
}
std::optional<Agent> find_agent_by_install(Tx& tx, std::string_view id) {
    return select_one(tx, "WHERE install_id = :a", id);
}
bool agent_name_taken(Tx& tx, std::string_view name) {
    return tx.one<I>("SELECT id FROM agents WHERE name = :a", name).has_value();
}
std::vector<Agent> all_agents(Tx& tx) {
    return select(tx, "ORDER BY name");
}

void set_agent_session(Tx& tx, AgentId id, std::string_view session, std::int64_t capacity) {
    tx.exec("UPDATE agents SET session = :a, capacity = :b WHERE id = :c", session, capacity, id);
}
void set_agent_draining(Tx& tx, AgentId id, bool draining) {
    tx.exec("UPDATE agents SET draining = :a WHERE id = :b", draining, id);
}
void set_agent_paused(Tx& tx, AgentId id, bool paused) {
    tx.exec("UPDATE agents SET paused = :a WHERE id = :b", paused, id);
}
void set_agent_labels(Tx& tx, AgentId id, std::string_view labels) {
    tx.exec("UPDATE agents SET labels = :a WHERE id = :b", labels, id);
}
void set_agent_facts(Tx& tx, AgentId id, std::string_view build, std::string_view facts) {
    tx.exec("UPDATE agents SET build = :a, facts = :b WHERE id = :c", build, facts, id);
}
void set_agent_seen(Tx& tx, AgentId id, Timestamp at) {
    tx.exec("UPDATE agents SET last_seen_at = :a WHERE id = :b", at, id);
}

void insert_enrolment(Tx& tx, std::string_view hash, std::string_view labels,
                      Timestamp expires_at) {
    tx.exec("INSERT INTO enrolments(token_hash, labels, expires_at) VALUES (:a, :b, :c)", hash,
            labels, expires_at);
}

std::optional<Enrolment> find_enrolment(Tx& tx, std::string_view hash) {
    auto row = tx.one<I, S, S, I>(
        "SELECT id, labels, install_id, expires_at FROM enrolments WHERE token_hash = :a", hash);
    if (!row) return std::nullopt;
    auto& [id, labels, install, expires] = *row;
    return Enrolment{id, labels, install, {expires}};
}

void use_enrolment(Tx& tx, std::int64_t id, std::string_view install_id) {
    tx.exec("UPDATE enrolments SET install_id = :a WHERE id = :b", install_id, id);
}

}  // namespace sluice::store
