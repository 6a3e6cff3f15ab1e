#pragma once
/// Who of a concurrency group may go on (reference A6 step 8). Pure.

#include "pipelines/base/ids.hpp"
#include "pipelines/model/spec.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace sluice::core {

/// A job, or a run as a whole, that holds a slot of the group or waits for one.
struct SlotUser {
    RunId run;
    model::Concurrency asked;
    bool holds = false;
    bool running = false;       ///< a runner of it has started
    bool interruptible = true;  ///< a newer run may stop it while it runs
    bool stopping = false;      ///< it was asked to stop
    /// A person has to approve it first: it takes no slot and ends nobody else's wait, because
    /// whoever may open a pull request could stop other people's runs so.
    bool parked = false;
};

/// Indices into the users.
struct SlotDecisions {
    std::vector<std::size_t> granted;      ///< waiters that hold a slot from now on
    std::vector<std::size_t> superseded;   ///< end at once: newer runs took their place
    std::vector<std::size_t> interrupted;  ///< running: to be asked to stop
};

/// What follows for the group. `users` stand in the order of run creation; each one's own limit and
/// policy judge it. `queue` grants in order; `newest` keeps one waiter, of the newest run;
/// `cancel_running` also ends what older runs hold. Jobs of one run never supersede each other.
SlotDecisions decide_slots(std::span<const SlotUser> users);

}  // namespace sluice::core
