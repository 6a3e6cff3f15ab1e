#pragma once
/// The one writer of an SQLite database: closures from any thread are committed in groups (rules 14
/// and 15), so that a hundred small changes cost one fsync. A closure's only effects are its Tx and
/// its return value, and it may run more than once. `Result` error or exception → only that closure
/// is undone.

#include "pipelines/base/result.hpp"
#include "server/store/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

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
    /// nothing of it is stored then. Pass a named, moved closure (runtime::run_on() tells why).
    template <class Closure>
    auto write(Closure&& closure) {
        return outcome_of(queued(std::forward<Closure>(closure)));
    }

    /// The same for plain threads (main, tests).
    template <class Closure>
    auto write_blocking(Closure&& closure) {
        auto work = queued(std::forward<Closure>(closure));
        settle_blocking(work);
        return std::move(*work->result);
    }

    /// Queues a closure whose outcome nobody waits for (written-behind values).
    template <class Closure>
    void write_behind(Closure&& closure) {
        submit(queued(std::forward<Closure>(closure)), {});
    }

    WriterStats stats() const;

private:
    /// A closure and what came of it, apart from its type: the way through the queue is compiled
    /// once. Touched by the writer thread until it is settled, then by whoever waited for it.
    class Work {
    public:
        virtual ~Work() = default;
        /// Runs the closure; true when its effects shall stay.
        virtual bool run(Tx& tx) = 0;
        /// Its fate: nullptr = committed.
        virtual void settle(const Error* lost) = 0;
    };
    template <class R>
    class WorkOf : public Work {
    public:
        void settle(const Error* lost) override {
            if (lost)
                result = R(*lost);
            else if (!result)
                result = R(error(Code::internal, "internal", "the closure did not run"));
        }
        std::optional<R> result;
    };
    struct Item {
        std::shared_ptr<Work> work;
        std::function<void()> settled;  ///< told when the work is settled; may be empty
        std::unique_ptr<Tx> tx;
        bool kept = false;
        std::optional<Error> refused;  ///< why this closure alone was undone
    };

    template <class Closure>
    static auto queued(Closure&& closure) {
        using Kept = std::decay_t<Closure>;
        using R = std::invoke_result_t<Kept&, Tx&>;
        class This final : public WorkOf<R> {
        public:
            explicit This(Closure&& closure) : closure_(std::forward<Closure>(closure)) {}
            bool run(Tx& tx) override {
                this->result.emplace(closure_(tx));
                return this->result->has_value();
            }

        private:
            Kept closure_;
        };
        return std::shared_ptr<WorkOf<R>>(std::make_shared<This>(std::forward<Closure>(closure)));
    }
    template <class R>
    boost::asio::awaitable<R> outcome_of(std::shared_ptr<WorkOf<R>> work) {
        co_await settle(work);
        co_return std::move(*work->result);
    }
    /// Queues the work, and returns on the caller's executor when it is settled.
    boost::asio::awaitable<void> settle(std::shared_ptr<Work> work);
    void settle_blocking(std::shared_ptr<Work> work);
    void submit(std::shared_ptr<Work> work, std::function<void()> settled);
    void loop();
    void run_batch(std::vector<Item>& batch);
    bool begin(std::vector<Item>& batch);
    static void undo(Item& item);
    static void settle(Item& item, const Error* lost);
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
