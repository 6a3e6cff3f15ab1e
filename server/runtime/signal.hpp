#pragma once
/// A counter that coroutines wait on: the wake-up for long polls and event streams. Memory holds
/// wake-ups only; what happened is read from the store (architecture §7).

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

namespace sluice::runtime {

/// Any thread may notify; any coroutine may wait. Waits survive the Signal: they end by their
/// timeout.
class Signal {
public:
    Signal();
    ~Signal();
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    /// The present count; take it before looking at the state that is waited for.
    std::uint64_t version() const;
    /// Raises the count and wakes all waiters. Costs one post per waiter.
    void notify();
    /// Returns when version() != seen or after `timeout`; false on the timeout. Cancellable by
    /// every cancellation type, then it throws system_error(operation_aborted): so the HTTP server
    /// ends the parked poll of a client that hung up. The coroutine's cancellation state is the
    /// default one (terminal only) afterwards.
    boost::asio::awaitable<bool> wait(std::uint64_t seen, std::chrono::milliseconds timeout);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::runtime
