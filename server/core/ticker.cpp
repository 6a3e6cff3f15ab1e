#include "server/core/ticker.hpp"

#include "platform/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice::core {

namespace {

/// After an attempt that may succeed later; times the attempts so far.
constexpr std::int64_t k_rest_ms = 30'000;

}  // namespace

awaitable<void> Ticker::run() {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (true) {
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(boost::asio::use_awaitable);
        try {
            co_await round();
        } catch (const boost::system::system_error&) {
            throw;  // cancelled
        } catch (const std::exception& error) {
            log::error("schedules failed error=\"{}\"", error.what());
        }
    }
}

awaitable<void> Ticker::round() {
    if (parts_.schedules.tick_over()) {
        auto notice = [this](store::Tx& tx) -> Result<> {
            parts_.schedules.notice(tx);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(notice));
    }
    if (!parts_.schedules.any_due()) co_return;
    std::vector<ScheduleId> busy;
    {
        std::lock_guard lock(mutex_);
        const auto now = parts_.clock.now().ms;
        std::erase_if(busy_, [now](const auto& item) { return item.second && item.second <= now; });
        for (const auto& [id, until] : busy_) busy.push_back(id);
    }
    auto take = [this, busy](store::Tx& tx) -> Result<std::vector<Schedules::Due>> {
        return parts_.schedules.take_due(tx, busy);
    };
    auto due = co_await parts_.writer.write(std::move(take));
    if (!due) co_return;
    for (auto& item : *due) {
        {
            std::lock_guard lock(mutex_);
            busy_[item.tick.schedule] = 0;
        }
        // Each by itself: a repository that does not answer must not delay the others.
        boost::asio::co_spawn(parts_.executor, carry_out(std::move(item)), boost::asio::detached);
    }
}

awaitable<void> Ticker::carry_out(Schedules::Due due) {
    std::int64_t rest = 0;
    try {
        Result<RunId> run = error(Code::conflict, "project_gone", "the project was removed");
        if (auto project = parts_.projects.find(due.project))
            run = co_await parts_.intake.start_tick(*project, due);
        if (run) log::info("schedule fired id={} run={}", due.tick.schedule.value, run->value);
        if (!run) {
            const Error failure = run.error();
            const bool later = failure.code == Code::unavailable;
            if (later) rest = parts_.clock.now().ms + k_rest_ms * (due.tick.attempts + 1);
            auto settle = [id = due.tick.id, failure, later](store::Tx& tx) -> Result<> {
                const std::string why = failure.id + ": " + failure.message;
                if (later)
                    store::set_tick_reason(tx, id, why);
                else
                    store::settle_tick(tx, id, "skipped", why, {});
                return {};
            };
            (void)co_await parts_.writer.write(std::move(settle));
            log::warn("schedule not fired id={} error=\"{}\"", due.tick.schedule.value,
                      failure.message);
        }
    } catch (const std::exception& broken) {
        // The tick stays due with its attempt counted.
        rest = parts_.clock.now().ms + k_rest_ms;
        log::error("schedule broke id={} error=\"{}\"", due.tick.schedule.value, broken.what());
    }
    std::lock_guard lock(mutex_);
    if (rest == 0)
        busy_.erase(due.tick.schedule);
    else
        busy_[due.tick.schedule] = rest;
}

}  // namespace sluice::core
