#include "server/core/slots.hpp"

#include <algorithm>

namespace sluice::core {

namespace {

using model::ConcurrencyPolicy;

bool supersedes(const SlotUser& newer, const SlotUser& older) {
    return !newer.parked && newer.run.value > older.run.value &&
           newer.asked.policy != ConcurrencyPolicy::queue;
}

}  // namespace

SlotDecisions decide_slots(std::span<const SlotUser> users) {
    SlotDecisions decisions;
    std::vector<bool> out(users.size(), false);
    auto anyone_newer = [&](const SlotUser& older, auto&& condition) {
        return std::any_of(users.begin(), users.end(), [&](const SlotUser& newer) {
            return supersedes(newer, older) && condition(newer);
        });
    };
    for (std::size_t i = 0; i < users.size(); ++i) {
        const auto& user = users[i];
        if (!user.holds) {
            if (!anyone_newer(user, [](const SlotUser&) { return true; })) continue;
            decisions.superseded.push_back(i);
            out[i] = true;
            continue;
        }
        // A holder gives way to a newer run that would end it; one that must not be interrupted
        // ends by itself.
        const bool gives_way = anyone_newer(user, [](const SlotUser& newer) {
            return newer.asked.policy == ConcurrencyPolicy::cancel_running;
        });
        if (!gives_way || user.stopping) continue;
        if (!user.running) {
            decisions.superseded.push_back(i);
            out[i] = true;
        } else if (user.interruptible) {
            decisions.interrupted.push_back(i);
        }
    }
    int held = 0;
    for (std::size_t i = 0; i < users.size(); ++i) held += users[i].holds && !out[i];
    for (std::size_t i = 0; i < users.size(); ++i) {
        if (users[i].holds || users[i].parked || out[i]) continue;
        if (held >= users[i].asked.limit) break;  // who came first goes first
        decisions.granted.push_back(i);
        ++held;
    }
    return decisions;
}

}  // namespace sluice::core
