#pragma once
/// What agents have to give, what attempts were given, and what they used.
/// Free functions over a transaction: they persist and decide nothing.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/capacity.hpp"
#include "server/store/connection.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

/// As the agent told last; nothing when it never did.
std::optional<model::Capacity> capacity_of(Tx& tx, AgentId agent);
void set_capacity(Tx& tx, AgentId agent, const model::Capacity& capacity);

void set_reservation(Tx& tx, AttemptId attempt, const model::Reservation& given);
model::Reservation reservation_of(Tx& tx, AttemptId attempt);
/// Of the agent's attempts that are live, and of those in `holding`, whatever became of them.
std::vector<model::Reservation> reservations_of(Tx& tx, AgentId agent,
                                                const std::vector<AttemptId>& holding);
struct Given {
    model::Reservation what;
    Timestamp until;  ///< by its timeout; the past for a lost attempt that the agent still holds
};
/// As above, of all agents in `holding`, with the time at which each has ended at the latest;
/// without what ended since.
std::map<AgentId, std::vector<Given>> given_by_agent(
    Tx& tx, const std::map<AgentId, std::vector<AttemptId>>& holding);
/// Of all live attempts, by agent.
std::map<AgentId, std::vector<model::Reservation>> live_reservations(Tx& tx);

/// JSON texts.
struct Execution {
    std::string facts = "{}", usage = "{}", gpus;
};
void set_execution(Tx& tx, AttemptId attempt, std::string_view facts, std::string_view usage);
Execution execution_of(Tx& tx, AttemptId attempt);

}  // namespace sluice::store
