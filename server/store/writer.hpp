#pragma once
/// The one writer of an SQLite database: closures from any thread are committed in groups (rules 14
/// and 15), so that a hundred small changes cost one fsync. A closure's only effects are its Tx and
/// its return value, and it may run more than once. `Result` error or exception → only that closure
/// is undone.

#include "pipelines/base/result.hpp"
#include "server/store/connection.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

namespace sluice::store {

/// Gives the write-ahead log of `database` its size ahead of time, when it has none yet: commits
/// then overwrite instead of appending, and fdatasync need not wait for the file system's journal
/// (p95 of a small commit: 8 → 1 ms under load). SQLite takes a log without a valid header as
/// empty. Before the first connection; blocking.
void preallocate_wal(const std::string& database);

struct WriterStats {
    std::uint64_t commits = 0;
    std::uint64_t closures = 0;
    std::uint64_t failures = 0;  ///< batches whose COMMIT or transaction failed
    bool read_only = false;      ///< the disk is full: nothing is written until a probe succeeds
};

/// Owns the writing connection and its thread.
class Writer {
public:
    struct Options {
        std::size_t batch_max = 64;
        std::chrono::microseconds batch_time{5000};
        /// Called on the writer thread when the database is broken beyond repair (IOERR, failed
        /// fsync). Must not return to normal service: main aborts the process so that a restart
        /// recovers from the journal.
        std::function<void(const std::string&)> on_broken;
    };
    Writer(const Connection::Options& database, Options options);
    /// Runs what is queued, then joins.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Runs the closure (`Result<T>(Tx&)`) in a transaction and returns once it is durable. Refused
    /// with `read_only` while the disk is full, `database` when the batch's transaction was lost;
    /// nothing of it is stored then.
    template <class Closure>
    boost::asio::awaitable<std::invoke_result_t<Closure, Tx&>> write(Closure closure) {
        using R = std::invoke_result_t<Closure, Tx&>;
        co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                                       void(R)>(
            [this](auto handler, Closure inner) {
                auto executor = boost::asio::get_associated_executor(handler);
                auto shared = std::make_shared<decltype(handler)>(std::move(handler));
                submit<R>(std::move(inner), [executor, shared](R result) {
                    boost::asio::post(executor, [shared, result = std::move(result)]() mutable {
                        (*shared)(std::move(result));
                    });
                });
            },
            boost::asio::use_awaitable, std::move(closure));
    }

    /// The same for plain threads (main, tests).
    template <class Closure>
    std::invoke_result_t<Closure, Tx&> write_blocking(Closure closure) {
        using R = std::invoke_result_t<Closure, Tx&>;
        std::promise<R> promise;
        auto future = promise.get_future();
        submit<R>(std::move(closure),
                  [&promise](R result) { promise.set_value(std::move(result)); });
        return future.get();
    }

    /// Queues a closure whose outcome nobody waits for (written-behind values).
    template <class Closure>
    void write_behind(Closure closure) {
        using R = std::invoke_result_t<Closure, Tx&>;
        submit<R>(std::move(closure), [](R) {});
    }

    WriterStats stats() const;

private:
    struct Item {
        /// Runs the closure; true when its effects shall stay.
        std::function<bool(Tx&)> run;
        /// Its fate: nullptr = committed.
        std::function<void(const Error*)> settle;
        std::unique_ptr<Tx> tx;
        bool kept = false;
    };

    template <class R, class Closure, class Done>
    void submit(Closure closure, Done done) {
        struct State {
            Closure closure;
            Done done;
            std::optional<R> result;
        };
        auto state =
            std::make_shared<State>(State{std::move(closure), std::move(done), std::nullopt});
        Item item;
        item.run = [state](Tx& tx) {
            state->result.emplace(state->closure(tx));
            return state->result->has_value();
        };
        item.settle = [state](const Error* lost) {
            if (lost || !state->result)
                state->done(
                    R(lost ? *lost : error(Code::internal, "internal", "the closure did not run")));
            else
                state->done(std::move(*state->result));
        };
        enqueue(std::move(item));
    }

    void enqueue(Item item);
    void loop();
    void run_batch(std::vector<Item>& batch);
    bool begin(std::vector<Item>& batch);
    static void undo(Item& item);
    void lose(std::vector<Item>& batch, const Error& why);
    bool probe();

    Connection connection_;
    Options options_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Item> queue_;
    bool stopping_ = false;
    WriterStats stats_;
    std::thread thread_;
};

}  // namespace sluice::store
