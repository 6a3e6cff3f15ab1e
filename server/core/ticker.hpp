#pragma once
/// Fires schedules: once a second it notices ticks, and it makes the runs of those that are due.

#include "server/core/intake.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <map>
#include <mutex>
#include <vector>

namespace sluice::core {

/// Coroutines on the io executor given; any thread of it.
class Ticker {
public:
    struct Parts {
        boost::asio::any_io_executor executor;
        store::Writer& writer;
        Intake& intake;
        Schedules& schedules;
        ProjectDirectory& projects;
        const Clock& clock;
    };
    explicit Ticker(Parts parts) : parts_(std::move(parts)) {}

    /// Until cancelled.
    awaitable<void> run();

private:
    awaitable<void> round();
    /// One tick to its end: a run, a reason why not, or a later attempt.
    awaitable<void> carry_out(Schedules::Due due);

    Parts parts_;
    std::mutex mutex_;
    /// Schedules with a tick under way; the time until which one that failed rests, 0 = at work.
    std::map<ScheduleId, std::int64_t> busy_;
};

}  // namespace sluice::core
