#pragma once
/// The once-a-second duties: service time, expired leases, back-offs that are over, deadlines
/// written behind, and the watch for runs that nothing would move (rule 17).

#include "server/core/clock_guard.hpp"
#include "server/core/lifecycle.hpp"
#include "server/store/writer.hpp"

#include <boost/asio/awaitable.hpp>

#include <atomic>

namespace sluice::core {

/// One coroutine on the io executor. Duties are idempotent.
class Sweeper {
public:
    struct Parts {
        store::Writer& writer;
        Lifecycle& lifecycle;
        LeaseTable& leases;
        ServiceClock& service;
        const Clock& clock;
    };
    explicit Sweeper(Parts parts) : parts_(parts), guard_(parts.clock) {}

    /// Ticks until cancelled.
    boost::asio::awaitable<void> run();
    /// One round; `full` also looks for stuck runs. For tests.
    boost::asio::awaitable<void> sweep(bool full);

private:
    Parts parts_;
    ClockGuard guard_;
    std::int64_t stored_service_ = 0;
};

}  // namespace sluice::core
