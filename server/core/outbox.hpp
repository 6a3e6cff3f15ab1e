#pragma once
/// Tells forges what became of their commits: rows written in the transaction of the change, sent
/// at least once, in order per (project, commit, context), retried with back-off, dead after a day
/// or a refusal that repeating can't mend.

#include "hooks/status.hpp"
#include "platform/clock.hpp"
#include "server/core/projects.hpp"
#include "server/runtime/pool.hpp"
#include "server/runtime/signal.hpp"
#include "server/store/events.hpp"
#include "server/store/readers.hpp"
#include "server/store/runs.hpp"
#include "server/store/writer.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>

namespace sluice::core {

/// How a request left: the HTTP status, and how long the forge asks to wait (0 = it does not).
struct Sent {
    int status = 0;
    Duration retry_after{0};
};
/// Sends one request; blocking, on the net pool. A broken connection is a refusal.
using StatusSender = std::function<Result<Sent>(const hooks::StatusRequest&)>;

class Outbox {
public:
    struct Parts {
        store::Writer& writer;
        store::Readers& readers;
        runtime::Pool& db;
        runtime::Pool& net;
        const ProjectDirectory& projects;
        const Clock& clock;
        StatusSender send;
        std::string public_url;
    };
    explicit Outbox(Parts parts) : parts_(std::move(parts)) {}

    /// Before anything is reported.
    void set_public_url(std::string url) { parts_.public_url = std::move(url); }
    /// In a closure: the run's new state becomes a status of its commit, if its project has a
    /// status API.
    void report(store::Tx& tx, const store::Run& run);
    /// Sends until cancelled.
    boost::asio::awaitable<void> run();
    /// One round; returns how many rows were handled. For tests.
    boost::asio::awaitable<std::size_t> send_due();

private:
    Parts parts_;
    runtime::Signal wake_;
};

}  // namespace sluice::core
