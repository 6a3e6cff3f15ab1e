#pragma once
/// Coroutines that run beside the requests until the server stops.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <list>

namespace sluice::server {

class Duties {
public:
    explicit Duties(boost::asio::io_context& io) : io_(io) {}

    void begin(boost::asio::awaitable<void> duty) {
        boost::asio::co_spawn(io_, std::move(duty),
                              boost::asio::bind_cancellation_slot(stops_.emplace_back().slot(),
                                                                  boost::asio::detached));
    }
    /// Their next wait ends them.
    void stop() {
        for (auto& stop : stops_) stop.emit(boost::asio::cancellation_type::terminal);
    }

private:
    boost::asio::io_context& io_;
    std::list<boost::asio::cancellation_signal> stops_;
};

}  // namespace sluice::server
