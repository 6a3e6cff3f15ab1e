#pragma once
/// The only place that reads clocks. Passed to whoever needs the time; tests pass a ManualClock.

#include "pipelines/base/time.hpp"

#include <atomic>
#include <chrono>

namespace sluice {

/// Any thread.
class Clock {
public:
    virtual ~Clock() = default;
    /// Wall time, for display and cron only.
    virtual Timestamp now() const = 0;
    /// Monotonic, for deadlines.
    virtual std::chrono::steady_clock::time_point steady() const = 0;
};

class SystemClock final : public Clock {
public:
    Timestamp now() const override {
        return {std::chrono::duration_cast<Duration>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count()};
    }
    std::chrono::steady_clock::time_point steady() const override {
        return std::chrono::steady_clock::now();
    }
};

class ManualClock final : public Clock {
public:
    Timestamp now() const override { return {1'700'000'000'000 + ms_.load()}; }
    std::chrono::steady_clock::time_point steady() const override {
        return std::chrono::steady_clock::time_point{} + Duration{ms_.load()};
    }
    void advance(Duration by) { ms_ += by.count(); }

private:
    std::atomic<std::int64_t> ms_{0};
};

}  // namespace sluice
