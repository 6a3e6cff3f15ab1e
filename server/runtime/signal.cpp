#include "server/runtime/signal.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::runtime {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// One waiting coroutine; it belongs to its timer's pending operation. Three may end a wait (news,
/// the timer, a cancellation): the first to claim it does.
class Waiter {
public:
    explicit Waiter(const asio::any_io_executor& executor) : timer_(executor) {}
    virtual ~Waiter() = default;

    bool claim() { return !claimed_.exchange(true); }
    bool claimed() const { return claimed_.load(); }
    /// After a successful claim only; any thread. Takes the caller's share, so that the waiter ends
    /// on its executor.
    virtual void resume(std::shared_ptr<Waiter> self, error_code ec, bool news) = 0;

    asio::steady_timer& timer() { return timer_; }

    std::optional<std::list<std::weak_ptr<Waiter>>::iterator>
        place;  // guarded by the Signal's mutex

private:
    asio::steady_timer timer_;
    std::atomic<bool> claimed_ = false;
};

template <class Handler>
class WaiterOf final : public Waiter {
public:
    WaiterOf(const asio::any_io_executor& executor, Handler handler)
        : Waiter(executor),
          home_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
          handler_(std::move(handler)) {}

    void resume(std::shared_ptr<Waiter> self, error_code ec, bool news) override {
        auto home = home_;  // *this may end within post()
        auto task = [self = std::move(self), this, ec, news]() mutable {
            // On the coroutine's executor alone: a timer isn't safe for two threads.
            timer().cancel();
            Handler handler = std::move(*handler_);
            handler_.reset();
            home_ = {};
            self.reset();
            std::move(handler)(ec, news);
        };
        asio::post(home, std::move(task));
    }

private:
    asio::any_io_executor home_;
    std::optional<Handler> handler_;
};

}  // namespace

struct Signal::Impl {
    std::atomic<std::uint64_t> version{0};
    std::mutex mutex;
    std::list<std::weak_ptr<Waiter>> waiters;  // guarded by mutex

    /// False when the version has moved on already.
    bool enter(std::uint64_t seen, const std::shared_ptr<Waiter>& waiter) {
        std::lock_guard lock(mutex);
        if (version.load() != seen) return false;
        if (waiter->claimed()) return true;  // by its timer, a moment ago
        waiter->place = waiters.insert(waiters.end(), waiter);
        return true;
    }
    void leave(Waiter& waiter) {
        std::lock_guard lock(mutex);
        if (auto place = std::exchange(waiter.place, std::nullopt)) waiters.erase(*place);
    }
};

Signal::Signal() : impl_(std::make_shared<Impl>()) {}
Signal::~Signal() = default;

std::uint64_t Signal::version() const {
    return impl_->version.load();
}

void Signal::notify() {
    std::vector<std::shared_ptr<Waiter>> woken;
    {
        std::lock_guard lock(impl_->mutex);
        ++impl_->version;
        for (auto at = impl_->waiters.begin(); at != impl_->waiters.end();) {
            auto entry = at++;
            // Held before it is claimed: its timer, firing now, would drop the last share. One that
            // another claimed is still held there, because it takes this mutex to leave the list.
            auto waiter = entry->lock();
            if (waiter && !waiter->claim()) continue;
            if (waiter) {
                waiter->place.reset();
                woken.push_back(std::move(waiter));
            }
            impl_->waiters.erase(entry);
        }
    }
    for (auto& waiter : woken) {
        Waiter& target = *waiter;
        target.resume(std::move(waiter), {}, true);
    }
}

boost::asio::awaitable<bool> Signal::wait(std::uint64_t seen, std::chrono::milliseconds timeout) {
    auto impl = impl_;  // the Signal may be gone before the wait is
    if (impl->version.load() != seen) co_return true;
    // A terminal cancellation that came earlier must not be forgotten by the reset below.
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());

    auto start = [](auto handler, std::shared_ptr<Impl> state, std::uint64_t known,
                    std::chrono::milliseconds span) {
        using Handler = decltype(handler);
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto waiter = std::make_shared<WaiterOf<Handler>>(executor, std::move(handler));
        auto give_up = [state](std::shared_ptr<Waiter> who, error_code ec) {
            if (!who->claim()) return;
            state->leave(*who);
            Waiter& target = *who;
            target.resume(std::move(who), ec, false);
        };
        // Slot and timer come before enter(): after it another thread may complete the wait.
        if (slot.is_connected())
            slot.assign([give_up, weak = std::weak_ptr<Waiter>(waiter)](asio::cancellation_type) {
                if (auto who = weak.lock()) give_up(who, asio::error::operation_aborted);
            });
        waiter->timer().expires_after(span);
        waiter->timer().async_wait([give_up, who = std::shared_ptr<Waiter>(waiter)](error_code ec) {
            if (!ec) give_up(who, {});
        });
        if (!state->enter(known, waiter) && waiter->claim()) {
            Waiter& target = *waiter;
            target.resume(std::move(waiter), {}, true);
        }
    };
    bool news = false;
    error_code ended;
    try {
        news =
            co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(error_code, bool)>(
                start, asio::use_awaitable, impl, seen, timeout);
    } catch (const boost::system::system_error& aborted) {
        ended = aborted.code();
    }
    co_await asio::this_coro::reset_cancellation_state();
    if (ended) throw boost::system::system_error(ended);
    co_return news;
}

}  // namespace sluice::runtime
