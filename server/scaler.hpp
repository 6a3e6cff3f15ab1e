#pragma once
/// Tells a command of yours how many jobs wait and how many slots are idle, so that it may start
/// and stop agents (docs/howto/scale-agents.md). It only asks: what the command does is its
/// business.

#include "platform/clock.hpp"
#include "server/core/leases.hpp"
#include "server/core/scheduler.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/readers.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace sluice::server {

class Scaler {
public:
    struct Parts {
        store::Readers& readers;
        runtime::Pool& db;
        runtime::Pool& net;
        core::Scheduler& scheduler;
        core::LeaseTable& leases;
    };
    struct Options {
        std::string command;  ///< for sh -c
        Duration interval{10'000};
        std::string url;  ///< SLUICE_URL of the command
    };
    Scaler(Parts parts, Options options) : parts_(parts), options_(std::move(options)) {}

    /// Until cancelled: after each change of the counts, at most once in a second, and once in an
    /// interval in any case.
    boost::asio::awaitable<void> run();

    /// What the command reads.
    json::Value counts(store::Tx& tx) const;

private:
    Parts parts_;
    Options options_;
};

}  // namespace sluice::server
