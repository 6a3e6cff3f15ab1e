#include "server/git/worker_pool.hpp"

#include "server/git/worker_process.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>

namespace sluice::git {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

namespace {

Error stopped() {
    return error(Code::unavailable, "stopped", "the server is shutting down");
}

Error died() {
    return error(
        Code::unavailable, "git_worker_died",
        "the git worker ended in the middle of a request; it may have hit a memory or file limit");
}

}  // namespace

/// A place for one process. The process comes and goes; the place stays.
struct WorkerPool::Worker {
    std::shared_ptr<WorkerProcess> process;  ///< empty until started, and after its end was seen
    std::unique_ptr<Socket> socket;
    std::unique_ptr<asio::posix::stream_descriptor> end;  ///< its pidfd while it is dying
    std::string key;                                      ///< of the last request
    bool busy = false;
    bool served = false;  ///< has answered before: its death may be older than the present request
};

struct WorkerPool::Waiter {
    std::string key;
    asio::steady_timer timer;
    Worker* worker = nullptr;
};

/// The right to use one worker for one key; given back at the end of the scope, with the worker
/// killed unless the exchange came to its end (a half-read pipe cannot be used again).
class WorkerPool::Slot {
public:
    Slot(WorkerPool& pool, std::string key)
        : pool_(pool), waiter_{std::move(key), asio::steady_timer(pool.strand_), nullptr} {
        pool_.waiting_.push_back(&waiter_);
        pool_.grant();
    }
    ~Slot() {
        if (pool_.stopped_) return;
        if (!waiter_.worker) {
            std::erase(pool_.waiting_, &waiter_);
            return;
        }
        if (clean)
            pool_.release(*waiter_.worker);
        else
            pool_.discard(*waiter_.worker);
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    Waiter& waiter() { return waiter_; }
    bool clean = false;

private:
    WorkerPool& pool_;
    Waiter waiter_;
};

WorkerPool::WorkerPool(asio::any_io_executor executor, Settings settings)
    : strand_(asio::make_strand(std::move(executor))), settings_(std::move(settings)) {
    for (std::size_t i = 0; i < std::max<std::size_t>(settings_.workers, 1); ++i)
        workers_.push_back(std::make_unique<Worker>());
}

WorkerPool::~WorkerPool() {
    stop();
}

asio::awaitable<wire::Reply> WorkerPool::call(std::string key, std::string frame) {
    auto self = shared_from_this();
    co_return co_await asio::co_spawn(strand_, self->run(std::move(key), std::move(frame)),
                                      asio::use_awaitable);
}

asio::awaitable<wire::Reply> WorkerPool::run(std::string key, std::string frame) {
    auto self = shared_from_this();
    if (stopped_) co_return stopped();
    Slot slot(*this, std::move(key));
    Waiter& waiter = slot.waiter();
    if (!waiter.worker) {
        boost::system::error_code woken;
        waiter.timer.expires_at(asio::steady_timer::time_point::max());
        co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    if (stopped_ || !waiter.worker) co_return stopped();
    Worker& worker = *waiter.worker;
    const bool reused = worker.served;
    auto reply = co_await exchange(worker, frame);
    // A worker that was killed while it was idle (out of memory) is noticed only by the next
    // request.
    if (!reply && reply.error().id == "git_worker_died" && reused && !stopped_) {
        worker.process->kill_and_wait();
        worker.socket.reset();
        reply = co_await exchange(worker, frame);
    }
    slot.clean =
        reply || (reply.error().id != "git_worker_died" && reply.error().id != "fetch_timeout");
    if (stopped_) co_return stopped();
    co_return reply;
}

Result<> WorkerPool::start(Worker& worker, std::string& frame) {
    SLUICE_TRY(auto started, start_worker(settings_.program));
    std::shared_ptr<WorkerProcess> process = std::move(started.process);
    {
        std::lock_guard lock(processes_mutex_);
        if (stopped_) return stopped();
        processes_.erase(worker.process);
        processes_.insert(process);
    }
    worker.process = std::move(process);
    worker.served = false;
    worker.socket =
        std::make_unique<Socket>(strand_, asio::local::stream_protocol(), started.socket.release());
    frame.insert(0, settings_.setup);
    return {};
}

asio::awaitable<wire::Reply> WorkerPool::exchange(Worker& worker, std::string& frame) {
    std::string with_setup = frame;
    if (!worker.socket) {
        auto started = start(worker, with_setup);
        if (!started) co_return started.error();
    }

    // The timer's handler and this coroutine share the strand, so `waiting` decides alone whether
    // the kill is in time.
    struct Deadline {
        bool waiting = true;
        bool passed = false;
    };
    auto deadline = std::make_shared<Deadline>();
    asio::steady_timer timer(strand_, settings_.deadline);
    timer.async_wait([deadline, process = worker.process](boost::system::error_code failed) {
        if (failed || !deadline->waiting) return;
        deadline->passed = true;
        process->kill();
    });
    auto broken = [&]() -> Error {
        deadline->waiting = false;
        if (!deadline->passed) return died();
        return error(
            Code::timeout, "fetch_timeout",
            "git did not finish within " + std::to_string(settings_.deadline.count()) + " ms");
    };

    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    auto [write_error, written] =
        co_await asio::async_write(*worker.socket, asio::buffer(with_setup), token);
    if (write_error) co_return broken();
    std::array<char, wire::k_header_bytes> header{};
    auto [header_error, header_read] =
        co_await asio::async_read(*worker.socket, asio::buffer(header), token);
    if (header_error) co_return broken();
    auto sizes = wire::parse_header(header);
    if (!sizes) co_return broken();
    std::string body(std::size_t{sizes->json} + sizes->raw, '\0');
    auto [body_error, body_read] =
        co_await asio::async_read(*worker.socket, asio::buffer(body), token);
    if (body_error) co_return broken();
    deadline->waiting = false;
    worker.served = true;
    co_return wire::decode_reply(std::string_view(body).substr(0, sizes->json),
                                 std::string_view(body).substr(sizes->json));
}

WorkerPool::Worker* WorkerPool::choose(const std::string& key) {
    Worker* best = nullptr;
    auto rank = [&](const Worker& worker) {
        return worker.key == key ? 2 : worker.process ? 1 : 0;
    };
    for (const auto& worker : workers_)
        if (!worker->busy && (!best || rank(*worker) > rank(*best))) best = worker.get();
    return best;
}

void WorkerPool::grant() {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
        Waiter& waiter = **it;
        if (busy_keys_.contains(waiter.key)) {
            ++it;
            continue;
        }
        Worker* worker = choose(waiter.key);
        if (!worker) return;
        worker->busy = true;
        worker->key = waiter.key;
        busy_keys_.insert(waiter.key);
        waiter.worker = worker;
        it = waiting_.erase(it);
        waiter.timer.cancel();
    }
}

void WorkerPool::release(Worker& worker) {
    worker.busy = false;
    busy_keys_.erase(worker.key);
    grant();
}

void WorkerPool::discard(Worker& worker) {
    worker.socket.reset();
    if (!worker.process) return release(worker);
    worker.process->kill();
    // The repository stays locked until the process is gone: it may still be writing into the
    // mirror.
    files::Fd pidfd = worker.process->duplicate_pidfd();
    if (!pidfd) {
        worker.process->kill_and_wait();
        return release(worker);
    }
    worker.end = std::make_unique<asio::posix::stream_descriptor>(strand_, pidfd.release());
    await_end(worker);
}

void WorkerPool::await_end(Worker& worker) {
    worker.end->async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this(), &worker](boost::system::error_code failed) {
                               if (failed || self->stopped_) return;
                               if (!worker.process->try_reap()) return self->await_end(worker);
                               {
                                   std::lock_guard lock(self->processes_mutex_);
                                   self->processes_.erase(worker.process);
                               }
                               worker.process.reset();
                               worker.end.reset();
                               self->release(worker);
                           });
}

void WorkerPool::stop() {
    std::set<std::shared_ptr<WorkerProcess>> processes;
    {
        std::lock_guard lock(processes_mutex_);
        stopped_ = true;
        processes.swap(processes_);
    }
    for (const auto& process : processes) process->kill();
    for (const auto& process : processes) process->kill_and_wait();
    auto self = weak_from_this().lock();
    if (!self) return;
    asio::post(strand_, [self] {
        for (Waiter* waiter : self->waiting_) waiter->timer.cancel();
        self->waiting_.clear();
    });
}

}  // namespace sluice::git
