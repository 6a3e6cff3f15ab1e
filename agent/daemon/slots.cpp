#include "agent/daemon/slots.hpp"

#include <algorithm>

namespace sluice::agent {

int Slots::free_locked() const {
    auto used =
        std::count_if(taken_.begin(), taken_.end(), [](const auto& entry) { return entry.second; });
    return std::max(0, capacity_ - static_cast<int>(used));
}

void Slots::take(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    taken_[attempt] = true;
}

void Slots::free(AttemptId attempt) {
    {
        std::lock_guard lock(mutex_);
        auto found = taken_.find(attempt);
        if (found == taken_.end() || !found->second) return;
        found->second = false;
    }
    changed_.notify_all();
}

void Slots::forget(AttemptId attempt) {
    {
        std::lock_guard lock(mutex_);
        if (taken_.erase(attempt) == 0) return;
    }
    changed_.notify_all();
}

Slots::View Slots::view() const {
    std::lock_guard lock(mutex_);
    View view;
    view.free = free_locked();
    view.holding.reserve(taken_.size());
    for (const auto& [attempt, taken] : taken_) view.holding.push_back(attempt);
    return view;
}

bool Slots::empty() const {
    std::lock_guard lock(mutex_);
    return taken_.empty();
}

bool Slots::taken(AttemptId attempt) const {
    std::lock_guard lock(mutex_);
    auto found = taken_.find(attempt);
    return found != taken_.end() && found->second;
}

void Slots::wait_for_free(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [&] { return woken_ || free_locked() > 0; });
}

void Slots::wake_all() {
    {
        std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_all();
}

}  // namespace sluice::agent
