#pragma once
/// Room that is held back for jobs which ask for much (docs/decisions/0030): small jobs always find
/// a gap, so that without it a job which needs a whole agent could wait for ever. Pure, any thread.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/core/requirements.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::core {

/// What an attempt was given, and when it has ended at the latest.
struct Taken {
    model::Reservation what;
    Timestamp until;
};

/// An agent that may get jobs.
struct Machine {
    AgentId id;
    std::set<std::string> labels;
    model::Capacity all;  ///< before anything was given
    std::vector<Taken> taken;
};

struct Room {
    Timestamp at{};           ///< when the job fits at the latest, if nothing else is leased there
    model::Capacity spare{};  ///< what is left beside it then: given to others it delays nothing
};

/// Where and when the job fits on the machine; nothing when it never does.
std::optional<Room> room_on(const Machine& machine, const Requirement& wanted, Timestamp now);

/// A job that has waited so long that nothing may be leased past it.
struct Waiting {
    JobId id;
    std::int64_t priority = 0;
    Requirement wanted;
};

/// The order in which jobs are leased.
bool comes_before(std::int64_t priority, JobId id, const Waiting& other);

struct HeldRoom {
    Waiting job;
    Room room;
};

/// For each waiting job, in order, the machine on which it will fit first; a machine holds room for
/// one job at a time.
std::map<AgentId, HeldRoom> hold_room(std::vector<Waiting> jobs,
                                      const std::vector<Machine>& machines, Timestamp now);

/// True when the job may be leased on a machine that holds this room: it comes before the one that
/// waits, or takes only what that one will not need.
bool may_pass(const HeldRoom& held, std::int64_t priority, JobId id,
              const model::Resources& wanted);

}  // namespace sluice::core
