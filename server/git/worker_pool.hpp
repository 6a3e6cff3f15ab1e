#pragma once
/// The git workers: starts them on demand, gives each request to one, kills those that miss their
/// deadline.

#include "platform/files.hpp"
#include "server/git/wire.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace sluice::git {

/// Requests with the same key are handled one at a time, in order; a worker that served a key
/// before is preferred, because it has the repository open. All state but the list of processes
/// lives on one strand. Create by make_shared.
class WorkerPool : public std::enable_shared_from_this<WorkerPool> {
public:
    struct Settings {
        files::Path program;
        std::size_t workers = 2;
        std::chrono::milliseconds deadline{120000};  ///< from the moment a worker has the request
        std::string setup;                           ///< frame that every new worker gets first
    };

    WorkerPool(boost::asio::any_io_executor executor, Settings settings);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Any executor. Errors: the worker's own, `fetch_timeout`, `git_worker_died`, `stopped`.
    boost::asio::awaitable<wire::Reply> call(std::string key, std::string frame);
    /// Kills the workers and waits for their end; present and later calls are refused. Any thread,
    /// repeatable.
    void stop();

private:
    struct Worker;
    struct Waiter;
    class Slot;

    boost::asio::awaitable<wire::Reply> run(std::string key, std::string frame);
    boost::asio::awaitable<wire::Reply> exchange(Worker& worker, std::string& frame);
    Result<> start(Worker& worker, std::string& frame);
    Worker* choose(const std::string& key);
    void grant();
    void release(Worker& worker);
    void discard(Worker& worker);
    void await_end(Worker& worker);

    boost::asio::strand<boost::asio::any_io_executor> strand_;
    const Settings settings_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::deque<Waiter*> waiting_;
    std::set<std::string> busy_keys_;
    std::atomic<bool> stopped_{false};
    std::mutex processes_mutex_;
    std::set<std::shared_ptr<class WorkerProcess>> processes_;  ///< all that may live, for stop()
};

}  // namespace sluice::git
