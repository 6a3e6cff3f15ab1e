#pragma once
/// Tells forges what became of their commits: rows written in the transaction of the change, sent
/// at least once, in order per (project, commit, context), retried with back-off, dead after a day
/// or a refusal that repeating can't mend. A verdict is not known inside a transaction: its row
/// asks for it, and becomes the rows of its statuses where they differ from what was told last.

#include "hooks/status.hpp"
#include "platform/clock.hpp"
#include "server/core/projects.hpp"
#include "server/core/verdict.hpp"
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
    std::string answer{};  ///< its first bytes, for people
};
/// Sends one request; blocking, on the net pool. A broken connection is a refusal.
using StatusSender = std::function<Result<Sent>(const hooks::StatusRequest&)>;

/// The verdict on a commit, now.
using Verdicts = std::function<boost::asio::awaitable<Result<Verdict>>(
    store::Project, std::string sha, std::string branch)>;

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
        Verdicts verdict;
        std::string public_url;
    };
    explicit Outbox(Parts parts) : parts_(std::move(parts)) {}

    /// Before anything is reported.
    void set_public_url(std::string url) { parts_.public_url = std::move(url); }
    /// In a closure: the run's new state becomes a status of its commit, if its project has a
    /// status API.
    void report(store::Tx& tx, const store::Run& run);
    /// In a closure: something changed that the commit's verdict rests on. `branch` is the target;
    /// "" = as Gate::verdict finds it.
    void report_gate(store::Tx& tx, ProjectId project, const std::string& sha,
                     const std::string& branch);
    void report_gate(store::Tx& tx, const store::Run& run) {
        report_gate(tx, run.project, run.sha, run.target_branch);
    }
    /// Sends until cancelled.
    boost::asio::awaitable<void> run();
    /// One round; returns how many rows were handled. For tests.
    boost::asio::awaitable<std::size_t> send_due();

private:
    /// What became of a row.
    struct Handled {
        bool final = false;
        std::string failure;  ///< "" = it was sent
        Duration wait{0};     ///< before the next try; 0 = by the number of tries
        bool paused = false;  ///< the forge asked for that wait
    };
    boost::asio::awaitable<Handled> send_status(const store::OutboxRow& row);
    boost::asio::awaitable<Handled> ask_gate(const store::OutboxRow& row);
    void put_status(store::Tx& tx, ProjectId project, const hooks::Status& status, bool begins);

    Parts parts_;
    runtime::Signal wake_;
};

}  // namespace sluice::core
