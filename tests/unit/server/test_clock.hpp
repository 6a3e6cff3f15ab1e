#pragma once
/// A clock that tests move: time that passes, and a wall clock that somebody sets.

#include "platform/clock.hpp"

namespace sluice::test {

class TestClock final : public Clock {
public:
    Timestamp now() const override { return {1'700'000'000'000 + ms_.load() + set_by_.load()}; }
    std::chrono::steady_clock::time_point steady() const override {
        return std::chrono::steady_clock::time_point{} + Duration{ms_.load()};
    }
    void advance(Duration by) { ms_ += by.count(); }
    /// The wall clock alone.
    void set_wall(Duration by) { set_by_ += by.count(); }

private:
    std::atomic<std::int64_t> ms_{0}, set_by_{0};
};

}  // namespace sluice::test
