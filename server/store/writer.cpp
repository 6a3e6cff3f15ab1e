#include "server/store/writer.hpp"

#include "platform/files.hpp"
#include "platform/log.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <future>

namespace sluice::store {

void preallocate_wal(const std::string& database) {
    constexpr std::size_t k_bytes = 8 << 20;
    const files::Path path = database + "-wal";
    std::error_code none;
    if (std::filesystem::exists(path, none) && std::filesystem::file_size(path, none) > 0) return;
    // A full disk must not keep the server from starting: without the reserve it is only slower.
    if (files::free_bytes(path.parent_path()) < 8 * k_bytes) return;
    auto fd = files::open(path, O_WRONLY | O_CREAT, 0600);
    if (!fd) return;
    const std::string zeros(1 << 20, '\0');
    for (std::size_t at = 0; at < k_bytes; at += zeros.size())
        if (!files::write_at(fd->get(), zeros, static_cast<std::int64_t>(at))) return;
    ::fsync(fd->get());
}

Writer::Writer(const Connection::Options& database, Options options)
    : connection_(database), options_(std::move(options)) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "writer");
        loop();
    });
}

Writer::~Writer() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

WriterStats Writer::stats() const {
    std::lock_guard lock(mutex_);
    return stats_;
}

void Writer::submit(std::shared_ptr<Work> work, std::function<void()> settled) {
    Item item;
    item.work = std::move(work);
    item.settled = std::move(settled);
    {
        std::lock_guard lock(mutex_);
        queue_.push_back(std::move(item));
    }
    wake_.notify_one();
}

boost::asio::awaitable<void> Writer::settle(std::shared_ptr<Work> work) {
    namespace asio = boost::asio;
    auto start = [this](auto handler, std::shared_ptr<Work> given) {
        // std::function wants what can be copied; an asio handler can only be moved.
        auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
        auto home = asio::get_associated_executor(*waiting);
        submit(std::move(given),
               [home, waiting] { asio::post(home, [waiting] { std::move (*waiting)(); }); });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        start, asio::use_awaitable, std::move(work));
}

void Writer::settle_blocking(std::shared_ptr<Work> work) {
    auto done = std::make_shared<std::promise<void>>();
    auto settled = done->get_future();
    submit(std::move(work), [done] { done->set_value(); });
    settled.wait();
}

void Writer::settle(Item& item, const Error* lost) {
    item.work->settle(lost ? lost : item.refused ? &*item.refused : nullptr);
    if (item.settled) item.settled();
}

void Writer::loop() {
    while (true) {
        std::vector<Item> batch;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            while (!queue_.empty() && batch.size() < options_.batch_max) {
                batch.push_back(std::move(queue_.front()));
                queue_.pop_front();
            }
        }
        // run_batch may hand back what did not fit into its time slice; it keeps its order.
        while (!batch.empty()) run_batch(batch);
    }
}

bool Writer::begin(std::vector<Item>& batch) {
    try {
        connection_.exec("BEGIN IMMEDIATE");
        return true;
    } catch (const StoreError& fault) {
        log::error("transaction not begun error=\"{}\"", fault.what());
        lose(batch, error(Code::unavailable, "database_busy",
                          "the database is locked by another process; try again"));
        return false;
    }
}

/// Takes back effects in memory at once, so that a later closure of the batch never builds on them.
void Writer::undo(Item& item) {
    if (!item.tx) return;
    auto works = std::move(item.tx->after_rollback_);
    item.tx->after_rollback_.clear();
    for (auto work = works.rbegin(); work != works.rend(); ++work) (*work)();
}

void Writer::lose(std::vector<Item>& batch, const Error& why) {
    {
        std::lock_guard lock(mutex_);
        ++stats_.failures;
    }
    for (auto item = batch.rbegin(); item != batch.rend(); ++item) undo(*item);
    for (auto& item : batch) settle(item, &why);
    batch.clear();
}

/// While read-only: one real write tells whether there is room again.
bool Writer::probe() {
    try {
        connection_.exec("BEGIN IMMEDIATE");
        connection_.exec(
            "INSERT INTO meta(key, value) VALUES ('probe', '1') ON CONFLICT(key) DO UPDATE SET "
            "value = :a",
            std::string(4096, 'x'));
        connection_.exec("COMMIT");
        return true;
    } catch (const StoreError&) {
        if (!connection_.autocommit()) {
            try {
                connection_.exec("ROLLBACK");
            } catch (const StoreError&) {
            }
        }
        return false;
    }
}

void Writer::run_batch(std::vector<Item>& batch) {
    const Error full = error(Code::unavailable, "read_only",
                             "the database volume is full; free space and it goes on by itself");
    bool read_only = false;
    {
        std::lock_guard lock(mutex_);
        read_only = stats_.read_only;
    }
    if (read_only) {
        if (!probe()) {
            lose(batch, full);
            return;
        }
        log::info("database writable again");
        std::lock_guard lock(mutex_);
        stats_.read_only = false;
    }
    if (!begin(batch)) return;

    const auto started = std::chrono::steady_clock::now();
    std::size_t ran = 0;
    std::optional<Fault> lost;
    std::string lost_text;
    for (auto& item : batch) {
        // Only whole closures are put off: what has run is committed first.
        if (ran > 0 && std::chrono::steady_clock::now() - started > options_.batch_time) break;
        ++ran;
        item.tx = std::make_unique<Tx>(connection_);
        try {
            connection_.exec("SAVEPOINT item");
            item.kept = item.work->run(*item.tx);
            connection_.exec(item.kept ? "RELEASE item" : "ROLLBACK TO item");
            if (!item.kept) {
                connection_.exec("RELEASE item");
                undo(item);
            }
        } catch (const StoreError& fault) {
            lost_text = fault.what();
            item.kept = false;
            log::error("closure failed error=\"{}\"", fault.what());
            // Rule 15: SQLite may have rolled the whole transaction back; the next statement would
            // run in autocommit.
            if (connection_.autocommit() || fault.fault() == Fault::full ||
                fault.fault() == Fault::io) {
                lost = fault.fault();
                break;
            }
            item.refused = error(Code::internal,
                                 fault.fault() == Fault::constraint ? "constraint" : "database",
                                 "the change could not be stored");
            connection_.exec("ROLLBACK TO item");
            connection_.exec("RELEASE item");
            undo(item);
        } catch (const std::exception& bug) {
            item.kept = false;
            log::error("closure threw error=\"{}\"", bug.what());
            item.refused = error(Code::internal, "internal",
                                 "the change could not be made; see the server's log");
            if (connection_.autocommit()) {
                lost = Fault::other;
                lost_text = bug.what();
                break;
            }
            connection_.exec("ROLLBACK TO item");
            connection_.exec("RELEASE item");
            undo(item);
        }
    }
    std::vector<Item> later(
        std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(ran)),
        std::make_move_iterator(batch.end()));
    batch.resize(ran);

    if (!lost) {
        try {
            connection_.exec("COMMIT");
        } catch (const StoreError& fault) {
            lost = fault.fault();
            lost_text = fault.what();
        }
    }
    if (lost) {
        if (!connection_.autocommit()) {
            try {
                connection_.exec("ROLLBACK");
            } catch (const StoreError&) {
            }
        }
        log::error("transaction lost closures={} error=\"{}\"", batch.size(), lost_text);
        if (*lost == Fault::full) {
            std::lock_guard lock(mutex_);
            stats_.read_only = true;
        }
        if (*lost == Fault::io && options_.on_broken) options_.on_broken(lost_text);
        lose(batch,
             *lost == Fault::full
                 ? full
                 : error(Code::unavailable, "database",
                         "the change was not stored because a transaction was lost; try again"));
        batch = std::move(later);
        return;
    }
    {
        std::lock_guard lock(mutex_);
        ++stats_.commits;
        stats_.closures += batch.size();
    }
    for (auto& item : batch)
        if (item.kept)
            for (auto& work : item.tx->after_commit_) work();
    for (auto& item : batch) settle(item, nullptr);
    batch = std::move(later);
}

}  // namespace sluice::store
