#pragma once
/// Which attempts this agent has and how many slots are free, shared by the claiming thread and the
/// daemon's.

#include "pipelines/base/ids.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

namespace sluice::agent {

/// Any thread.
class Slots {
public:
    explicit Slots(int capacity) : capacity_(capacity) {}

    int capacity() const { return capacity_; }
    /// The attempt's folder exists and takes a slot.
    void take(AttemptId attempt);
    /// Its outcome is recorded; the folder may still exist.
    void free(AttemptId attempt);
    /// Its folder is gone.
    void forget(AttemptId attempt);

    struct View {
        int free = 0;
        std::vector<AttemptId> holding;
    };
    View view() const;
    bool empty() const;
    /// True while the attempt takes a slot.
    bool taken(AttemptId attempt) const;
    /// Waits until a slot is free, or wake_all(), or the time is over.
    void wait_for_free(std::chrono::milliseconds longest);
    void wake_all();

private:
    int free_locked() const;

    const int capacity_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<AttemptId, bool> taken_;
    bool woken_ = false;
};

}  // namespace sluice::agent
