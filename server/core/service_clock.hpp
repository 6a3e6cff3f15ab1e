#pragma once
/// Service time (rule 9): one persisted counter that advances by min(elapsed, 2 s) per tick, so
/// that neither a crash loop, SIGSTOP, suspend nor a clock jump kills or keeps leases.

#include "platform/clock.hpp"

#include <atomic>
#include <mutex>

namespace sluice::core {

/// Any thread.
class ServiceClock {
public:
    ServiceClock(const Clock& clock, ServiceTime start)
        : clock_(clock), now_(start.ms), last_(clock.steady()) {}

    ServiceTime now() const { return {now_.load(std::memory_order_relaxed)}; }

    /// Called about each second by the sweeper.
    ServiceTime tick() {
        std::lock_guard lock(mutex_);
        const auto steady = clock_.steady();
        auto elapsed = std::chrono::duration_cast<Duration>(steady - last_);
        last_ = steady;
        if (elapsed > k_most) elapsed = k_most;
        return {now_ += elapsed.count()};
    }

private:
    static constexpr Duration k_most{2000};
    const Clock& clock_;
    std::mutex mutex_;
    std::atomic<std::int64_t> now_;
    std::chrono::steady_clock::time_point last_;
};

}  // namespace sluice::core
