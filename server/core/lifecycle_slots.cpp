// Lifecycle: concurrency groups (reference A6 step 8).
#include "server/core/lifecycle.hpp"
#include "server/core/slots.hpp"
#include "server/core/wait_reason.hpp"
#include "server/store/slots.hpp"

#include <fmt/format.h>

#include <set>

namespace sluice::core {

using model::Cause;
using model::JobState;

namespace {

std::string group_key(ProjectId project, const std::string& group) {
    return fmt::format("{}:{}", project.value, group);
}

model::Concurrency asked_by(const store::Slot& slot) {
    const auto value = json::parse(slot.asked).value();
    return model::concurrency_from_json(value, "").value();
}

}  // namespace

void Lifecycle::ask_slot(store::Tx& tx, const store::Run& run, JobId job,
                         const model::Concurrency& wanted) {
    store::Slot slot;
    slot.run = run.id;
    slot.job = job;
    slot.group = group_key(run.project, wanted.group);
    slot.asked = json::serialize(model::to_json(wanted));
    store::insert_slot(tx, slot);
    // Who waits for a slot is ready, but no claim finds it.
    if (job) store::set_not_before(tx, job, INT64_MAX);
    settle_slots(tx, slot.group);
}

bool Lifecycle::waits_for_slot(store::Tx& tx, RunId run) {
    const auto slot = store::find_slot(tx, run, JobId{});
    return slot && !slot->holds;
}

void Lifecycle::offer(store::Tx& tx, const store::Run& run, JobId job,
                      const plan::PlannedJob& planned) {
    if (planned.spec.concurrency) return ask_slot(tx, run, job, *planned.spec.concurrency);
    limit_queue(tx, job, planned.spec, service_.now().ms);
    scheduler_.offer(tx, job);
}

void Lifecycle::leave_slot(store::Tx& tx, RunId run, JobId job) {
    const auto slot = store::find_slot(tx, run, job);
    if (!slot) return;
    store::remove_slot(tx, run, job);
    settle_slots(tx, slot->group);
}

void Lifecycle::settle_slots(store::Tx& tx, const std::string& group) {
    const auto slots = store::slots_of(tx, group);
    std::vector<SlotUser> users;
    for (const auto& slot : slots) {
        SlotUser user;
        user.run = slot.run;
        user.asked = asked_by(slot);
        user.holds = slot.holds;
        const auto run = store::find_run(tx, slot.run).value();
        if (slot.job) {
            const auto job = store::find_job(tx, slot.job).value();
            const auto attempt = job.attempt ? store::find_attempt(tx, job.attempt) : std::nullopt;
            user.running = job.state == JobState::running;
            user.stopping = attempt && attempt->cancel_requested;
            user.interruptible = planned_of(tx, slot.run, slot.job).spec.interruptible;
        } else {
            user.running = slot.holds;
            user.stopping = run.cancel_requested;
            user.parked = !store::run_hold(tx, slot.run).empty();
        }
        users.push_back(std::move(user));
    }
    const auto decisions = decide_slots(users);
    auto newest_of = [&] { return store::find_run(tx, slots.back().run).value().number; };
    std::set<std::int64_t> touched;
    for (auto index : decisions.superseded) {
        const auto& slot = slots[index];
        // Before its end, which would settle the group again.
        store::remove_slot(tx, slot.run, slot.job);
        const auto run = store::find_run(tx, slot.run).value();
        const auto why = fmt::format("superseded by run #{}", newest_of());
        if (slot.job) {
            const auto job = store::find_job(tx, slot.job).value();
            cancel_live(tx, run, job, why, Cause::superseded);
            touched.insert(slot.run.value);
        } else {
            cancel_all(tx, run, why, Cause::superseded);
        }
    }
    for (auto index : decisions.interrupted) {
        const auto& slot = slots[index];
        const auto run = store::find_run(tx, slot.run).value();
        const auto why = fmt::format("superseded by run #{}", newest_of());
        if (slot.job)
            cancel_live(tx, run, store::find_job(tx, slot.job).value(), why, Cause::superseded);
        else
            cancel_all(tx, run, why, Cause::superseded);
    }
    for (auto index : decisions.granted) {
        const auto& slot = slots[index];
        store::set_slot_held(tx, slot.run, slot.job);
        if (slot.job) {
            store::set_not_before(tx, slot.job, 0);
            const auto& planned = planned_of(tx, slot.run, slot.job);
            store::set_wait_reason(tx, slot.job, wait_for_agent(planned));
            limit_queue(tx, slot.job, planned.spec, service_.now().ms);
            scheduler_.offer(tx, slot.job);
        } else {
            release_held(tx, store::find_run(tx, slot.run).value(), "");
            touched.insert(slot.run.value);
        }
    }
    // Who still waits says for whom.
    std::string holders;
    std::vector<const store::Slot*> waiters;
    const auto left = store::slots_of(tx, group);
    for (const auto& slot : left) {
        if (!slot.holds) {
            waiters.push_back(&slot);
            continue;
        }
        const auto run = store::find_run(tx, slot.run).value();
        holders += fmt::format("{}run #{}", holders.empty() ? ", held by " : ", ", run.number);
    }
    for (const auto* slot : waiters) {
        const auto reason =
            fmt::format("waiting for a slot of group {}{}", asked_by(*slot).group, holders);
        if (slot->job)
            store::set_wait_reason(tx, slot->job, reason);
        else if (store::run_hold(tx, slot->run).empty())
            store::set_wait_reasons(tx, slot->run, reason);
    }
    for (auto id : touched) advance(tx, RunId{id});
}

}  // namespace sluice::core
