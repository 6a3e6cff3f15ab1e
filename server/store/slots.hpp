#pragma once
/// Slots of concurrency groups: who holds one and who waits for one.
/// Free functions over a transaction, as in jobs.hpp.

#include "pipelines/base/ids.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Slot {
    RunId run;
    JobId job;          ///< none: the run as a whole
    std::string group;  ///< unique over all projects
    std::string asked;  ///< model::Concurrency, JSON
    bool holds = false;
};
void insert_slot(Tx& tx, const Slot& slot);
std::optional<Slot> find_slot(Tx& tx, RunId run, JobId job);
/// Of a group, in the order of run creation, then of asking.
std::vector<Slot> slots_of(Tx& tx, std::string_view group);
void set_slot_held(Tx& tx, RunId run, JobId job);
void remove_slot(Tx& tx, RunId run, JobId job);

}  // namespace sluice::store
