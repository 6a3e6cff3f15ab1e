#include "server/core/room.hpp"

#include <algorithm>
#include <tuple>

namespace sluice::core {

std::optional<Room> room_on(const Machine& machine, const Requirement& wanted, Timestamp now) {
    if (!labels_match(wanted, machine.labels)) return std::nullopt;
    std::vector<Taken> taken = machine.taken;
    std::stable_sort(taken.begin(), taken.end(),
                     [](const Taken& a, const Taken& b) { return a.until.ms < b.until.ms; });
    Timestamp at = now;
    for (std::size_t ended = 0;; ++ended) {
        model::Capacity left = machine.all;
        for (std::size_t i = ended; i < taken.size(); ++i) model::subtract(left, taken[i].what);
        if (model::reserve(wanted.resources, left)) return Room{at, std::move(left)};
        if (ended == taken.size()) return std::nullopt;
        at.ms = std::max(at.ms, taken[ended].until.ms);
    }
}

bool comes_before(std::int64_t priority, JobId id, const Waiting& other) {
    return priority != other.priority ? priority > other.priority : id < other.id;
}

std::map<AgentId, HeldRoom> hold_room(std::vector<Waiting> jobs,
                                      const std::vector<Machine>& machines, Timestamp now) {
    std::sort(jobs.begin(), jobs.end(),
              [](const Waiting& a, const Waiting& b) { return comes_before(a.priority, a.id, b); });
    std::map<AgentId, HeldRoom> out;
    for (const Waiting& job : jobs) {
        const Machine* first = nullptr;
        Room room;
        for (const Machine& machine : machines) {
            if (out.contains(machine.id)) continue;
            auto found = room_on(machine, job.wanted, now);
            if (!found) continue;
            if (first && std::tie(room.at.ms, first->id) <= std::tie(found->at.ms, machine.id))
                continue;
            first = &machine;
            room = std::move(*found);
        }
        if (first) out.emplace(first->id, HeldRoom{job, std::move(room)});
    }
    return out;
}

bool may_pass(const HeldRoom& held, std::int64_t priority, JobId id,
              const model::Resources& wanted) {
    if (id == held.job.id || comes_before(priority, id, held.job)) return true;
    model::Capacity spare = held.room.spare;
    return model::reserve(wanted, spare).has_value();
}

}  // namespace sluice::core
