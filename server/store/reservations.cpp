#include "server/store/reservations.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>
#include <set>

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

std::string joined(const std::vector<std::string>& uuids) {
    std::string out;
    for (const std::string& uuid : uuids) out += (out.empty() ? "" : ",") + uuid;
    return out;
}

model::Reservation reservation(I cpu, I memory, I disk, const S& gpus) {
    model::Reservation out{cpu, memory, disk, {}};
    for (std::string& uuid : text::split(gpus, ','))
        if (!uuid.empty()) out.gpus.push_back(std::move(uuid));
    return out;
}

}  // namespace

std::optional<model::Capacity> capacity_of(Tx& tx, AgentId agent) {
    auto row = tx.one<S>("SELECT resources FROM agents WHERE id = :a", agent);
    if (!row || std::get<0>(*row) == "{}") return std::nullopt;
    auto value = json::parse(std::get<0>(*row));
    if (!value) return std::nullopt;
    auto capacity = model::capacity_from_json(*value, "");
    if (!capacity) return std::nullopt;
    return std::move(*capacity);
}

void set_capacity(Tx& tx, AgentId agent, const model::Capacity& capacity) {
    tx.exec("UPDATE agents SET resources = :a WHERE id = :b",
            json::serialize(model::to_json(capacity)), agent);
}

void set_reservation(Tx& tx, AttemptId attempt, const model::Reservation& given) {
    tx.exec("UPDATE attempts SET cpu_millis = :a, memory = :b, disk = :c, gpus = :d WHERE id = :e",
            given.cpu_millis, given.memory, given.disk, joined(given.gpus), attempt);
}

model::Reservation reservation_of(Tx& tx, AttemptId attempt) {
    auto row = tx.one<I, I, I, S>(
        "SELECT cpu_millis, memory, disk, gpus FROM attempts WHERE id = :a", attempt);
    if (!row) return {};
    auto& [cpu, memory, disk, gpus] = *row;
    return reservation(cpu, memory, disk, gpus);
}

std::vector<model::Reservation> reservations_of(Tx& tx, AgentId agent,
                                                const std::vector<AttemptId>& holding) {
    std::vector<model::Reservation> out;
    std::vector<std::int64_t> seen;
    for (auto& [id, cpu, memory, disk, gpus] : tx.all<I, I, I, I, S>(
             "SELECT id, cpu_millis, memory, disk, gpus FROM attempts WHERE agent_id = :a AND "
             "state IN ('leased', 'running', 'unreachable')",
             agent)) {
        seen.push_back(id);
        out.push_back(reservation(cpu, memory, disk, gpus));
    }
    // Given up here, but its processes may still run there.
    for (const AttemptId id : holding)
        if (std::find(seen.begin(), seen.end(), id.value) == seen.end())
            out.push_back(reservation_of(tx, id));
    std::erase_if(out, [](const model::Reservation& given) { return given.empty(); });
    return out;
}

std::map<AgentId, std::vector<Given>> given_by_agent(
    Tx& tx, const std::map<AgentId, std::vector<AttemptId>>& holding) {
    std::map<AgentId, std::vector<Given>> out;
    std::set<AttemptId> live;
    // One statement, however many agents: this stands on the way of every lease.
    for (auto& [id, agent, until, cpu, memory, disk, gpus] : tx.all<I, I, I, I, I, I, S>(
             "SELECT id, agent_id, coalesce(started_at, created_at) + timeout_ms, cpu_millis, "
             "memory, disk, gpus FROM attempts WHERE state IN ('leased', 'running', "
             "'unreachable')")) {
        live.insert({id});
        if (holding.contains({agent}))
            out[{agent}].push_back({reservation(cpu, memory, disk, gpus), {until}});
    }
    for (const auto& [agent, held] : holding)
        for (const AttemptId id : held)
            if (!live.contains(id) &&
                tx.one<I>("SELECT id FROM attempts WHERE id = :a AND state = 'lost'", id))
                out[agent].push_back({reservation_of(tx, id), {0}});
    for (auto& [agent, given] : out)
        std::erase_if(given, [](const Given& one) { return one.what.empty(); });
    return out;
}

std::map<AgentId, std::vector<model::Reservation>> live_reservations(Tx& tx) {
    std::map<AgentId, std::vector<model::Reservation>> out;
    for (auto& [agent, cpu, memory, disk, gpus] : tx.all<I, I, I, I, S>(
             "SELECT agent_id, cpu_millis, memory, disk, gpus FROM attempts WHERE state IN "
             "('leased', 'running', 'unreachable')"))
        out[AgentId{agent}].push_back(reservation(cpu, memory, disk, gpus));
    return out;
}

void set_execution(Tx& tx, AttemptId attempt, std::string_view facts, std::string_view usage) {
    tx.exec("UPDATE attempts SET facts = :a, usage = :b WHERE id = :c", facts, usage, attempt);
}

Execution execution_of(Tx& tx, AttemptId attempt) {
    auto row = tx.one<S, S, S>("SELECT facts, usage, gpus FROM attempts WHERE id = :a", attempt);
    if (!row) return {};
    auto& [facts, usage, gpus] = *row;
    return {facts, usage, gpus};
}

}  // namespace sluice::store
