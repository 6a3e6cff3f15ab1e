#pragma once
/// Notices that the wall clock was set. What ends by wall time (artifacts, approvals) would end, or
/// be thrown away, by an administrator's slip of the year; so it rests until there was time to set
/// the clock right again.

#include "platform/clock.hpp"
#include "platform/log.hpp"

namespace sluice::core {

/// One owner's, on one thread at a time.
class ClockGuard {
public:
    explicit ClockGuard(const Clock& clock) : clock_(clock), offset_(offset()) {}

    /// False for an hour after a jump of more than a minute, whichever way. Call at each round.
    bool settled() {
        const Duration now = offset();
        const Duration by = now - offset_;
        offset_ = now;
        if (by > k_slack || by < -k_slack) {
            rests_until_ = clock_.steady() + k_rest;
            log::warn("the wall clock was set, what ends by it rests for an hour by_ms={}",
                      by.count());
        }
        return clock_.steady() >= rests_until_;
    }

    static constexpr Duration k_slack{60'000};
    static constexpr Duration k_rest{3'600'000};

private:
    Duration offset() const {
        return Duration{clock_.now().ms} -
               std::chrono::duration_cast<Duration>(clock_.steady().time_since_epoch());
    }

    const Clock& clock_;
    Duration offset_;
    std::chrono::steady_clock::time_point rests_until_{};
};

}  // namespace sluice::core
