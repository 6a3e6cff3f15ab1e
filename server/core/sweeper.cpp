#include "server/core/sweeper.hpp"

#include "platform/log.hpp"
#include "server/store/meta.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice::core {

boost::asio::awaitable<void> Sweeper::run() {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (std::uint64_t round = 0;; ++round) {
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(boost::asio::use_awaitable);
        try {
            co_await sweep(round % 60 == 59);
        } catch (const boost::system::system_error&) {
            throw;  // cancelled
        } catch (const std::exception& error) {
            log::error("sweep failed error=\"{}\"", error.what());
        }
    }
}

boost::asio::awaitable<void> Sweeper::sweep(bool full) {
    const auto now = parts_.service.tick();
    for (auto id : parts_.leases.expired(now)) {
        auto expire = [this, id](store::Tx& tx) -> Result<> {
            parts_.lifecycle.expire(tx, id);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(expire));
    }
    auto dirty = parts_.leases.take_dirty();
    // An idle server writes nothing: without leases service time matters to nobody.
    const bool due = now.ms - stored_service_ >= 5000;
    if (parts_.leases.size() > 0 ? due || !dirty.empty() : now.ms - stored_service_ >= 60'000) {
        stored_service_ = now.ms;
        auto keep = [this, now, dirty = std::move(dirty)](store::Tx& tx) -> Result<> {
            store::set_meta(tx, "service_time", std::to_string(now.ms));
            for (const auto& [id, deadline] : dirty) store::set_deadline(tx, id, deadline);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(keep));
    }
    if (parts_.lifecycle.back_off_over()) {
        auto due_jobs = [this](store::Tx& tx) -> Result<> {
            parts_.lifecycle.offer_due(tx);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(due_jobs));
    }
    if (parts_.lifecycle.queue_over()) {
        auto give_up = [this](store::Tx& tx) -> Result<> {
            parts_.lifecycle.expire_queued(tx);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(give_up));
    }
    const bool settled = guard_.settled();
    if (settled && parts_.lifecycle.approval_over()) {
        auto expire = [this](store::Tx& tx) -> Result<> {
            parts_.lifecycle.expire_approvals(tx);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(expire));
    }
    if (!full) co_return;
    auto list = [](store::Tx& tx) -> Result<std::vector<RunId>> { return store::active_runs(tx); };
    const auto active = co_await parts_.writer.write(std::move(list));
    if (!active) co_return;
    for (auto run : *active) {
        // One run a closure: thousands of them must not hold the writer.
        auto mend = [this, run](store::Tx& tx) -> Result<> {
            if (parts_.lifecycle.advance(tx, run) == 0) return {};
            parts_.lifecycle.count_mended();
            log::error("run was stuck and has been moved run={}", run.value);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(mend));
    }
}

}  // namespace sluice::core
