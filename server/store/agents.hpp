#pragma once
/// Agents and the one-use tokens they enrol with.
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Agent {
    AgentId id;
    std::string install_id, name, token_hash, labels;
    bool draining = false;
    std::int64_t capacity = 1;
    std::string session, os, arch, host, build;
    std::optional<std::int64_t> last_seen_at;
    Timestamp created_at;
    bool paused = false;
    std::string facts = "{}";  ///< protocol::HostFacts, JSON
};
AgentId insert_agent(Tx& tx, const Agent& agent);
void update_agent_registration(Tx& tx, const Agent& agent);
std::optional<Agent> find_agent(Tx& tx, AgentId id);
std::optional<Agent> find_agent_by_token(Tx& tx, std::string_view token_hash);
std::optional<Agent> find_agent_by_install(Tx& tx, std::string_view install_id);
bool agent_name_taken(Tx& tx, std::string_view name);
std::vector<Agent> all_agents(Tx& tx);
void set_agent_session(Tx& tx, AgentId id, std::string_view session, std::int64_t capacity);
void set_agent_draining(Tx& tx, AgentId id, bool draining);
void set_agent_paused(Tx& tx, AgentId id, bool paused);
void set_agent_labels(Tx& tx, AgentId id, std::string_view labels);
/// What it said of itself when its daemon began.
void set_agent_facts(Tx& tx, AgentId id, std::string_view build, std::string_view facts);
void set_agent_seen(Tx& tx, AgentId id, Timestamp at);
void insert_enrolment(Tx& tx, std::string_view token_hash, std::string_view labels,
                      Timestamp expires_at);
struct Enrolment {
    std::int64_t id = 0;
    std::string labels, install_id;
    Timestamp expires_at;
};
std::optional<Enrolment> find_enrolment(Tx& tx, std::string_view token_hash);
void use_enrolment(Tx& tx, std::int64_t id, std::string_view install_id);

}  // namespace sluice::store
