#include "server/runtime/pool.hpp"
#include "server/runtime/signal.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <catch2/catch.hpp>

#include <pthread.h>

#include <atomic>
#include <set>
#include <thread>

using namespace sluice::runtime;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

asio::awaitable<void> wait_once(Signal& signal, std::uint64_t seen,
                                std::chrono::milliseconds timeout, std::atomic<int>& woken,
                                std::atomic<int>& timed_out) {
    bool news = co_await signal.wait(seen, timeout);
    ++(news ? woken : timed_out);
}

}  // namespace

TEST_CASE("a wait for what happened already returns at once", "[runtime][signal]") {
    asio::io_context io;
    Signal signal;
    auto seen = signal.version();
    signal.notify();
    std::atomic<int> woken = 0, timed_out = 0;
    asio::co_spawn(io, wait_once(signal, seen, 1h, woken, timed_out), asio::detached);
    io.run();
    CHECK(woken == 1);
}

TEST_CASE("a wait without news ends by its timeout", "[runtime][signal]") {
    asio::io_context io;
    Signal signal;
    std::atomic<int> woken = 0, timed_out = 0;
    asio::co_spawn(io, wait_once(signal, signal.version(), 1ms, woken, timed_out), asio::detached);
    io.run();
    CHECK(timed_out == 1);
}

TEST_CASE("one notify wakes a thousand waiters", "[runtime][signal]") {
    asio::io_context io;
    Signal signal;
    std::atomic<int> woken = 0, timed_out = 0;
    for (int i = 0; i < 1000; ++i)
        asio::co_spawn(asio::make_strand(io),
                       wait_once(signal, signal.version(), 1h, woken, timed_out), asio::detached);
    io.poll();
    CHECK(woken == 0);
    signal.notify();
    io.run();
    CHECK(woken == 1000);
}

TEST_CASE("no wake-up is lost between threads", "[runtime][signal]") {
    asio::io_context io;
    Signal signal;
    constexpr int rounds = 5000;
    constexpr int waiters = 8;
    std::atomic<int> work = 0;  // what the signal announces
    std::atomic<int> ended = 0;
    auto follow = [&]() -> asio::awaitable<void> {
        while (true) {
            auto seen = signal.version();
            if (work.load() >= rounds) break;
            // Without a lost wake-up nobody ever waits for long.
            bool news = co_await signal.wait(seen, 30s);
            if (!news) co_return;
        }
        ++ended;
    };
    for (int i = 0; i < waiters; ++i) asio::co_spawn(io, follow(), asio::detached);
    auto guard = asio::make_work_guard(io);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { io.run(); });
    for (int i = 0; i < rounds; ++i) {
        ++work;
        signal.notify();
    }
    guard.reset();
    for (auto& thread : threads) thread.join();
    CHECK(ended == waiters);
}

TEST_CASE("timeouts and notifications race without harm", "[runtime][signal]") {
    asio::io_context io;
    std::atomic<int> woken = 0, timed_out = 0;
    std::atomic<bool> stop = false;
    Signal signal;
    auto follow = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 300; ++i) {
            bool news = co_await signal.wait(signal.version(), 1ms);
            ++(news ? woken : timed_out);
        }
    };
    for (int i = 0; i < 20; ++i) asio::co_spawn(asio::make_strand(io), follow(), asio::detached);
    std::thread notifier([&] {
        while (!stop) {
            signal.notify();
            std::this_thread::yield();
        }
    });
    std::thread second([&] { io.run(); });
    io.run();
    second.join();
    stop = true;
    notifier.join();
    CHECK(woken + timed_out == 20 * 300);
}

TEST_CASE("a wait is cancelled by any cancellation, a notified one isn't", "[runtime][signal]") {
    for (auto type : {asio::cancellation_type::terminal, asio::cancellation_type::total}) {
        asio::io_context io;
        Signal signal;
        asio::cancellation_signal cancel;
        boost::system::error_code ended;
        auto wait = [&]() -> asio::awaitable<void> { co_await signal.wait(signal.version(), 1h); };
        asio::co_spawn(io, wait(),
                       asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                           try {
                               if (thrown) std::rethrow_exception(thrown);
                           } catch (const boost::system::system_error& e) {
                               ended = e.code();
                           }
                       }));
        io.poll();
        cancel.emit(type);
        io.run();
        CHECK(ended == asio::error::operation_aborted);
    }
}

TEST_CASE("a wait may outlive its signal and its io_context", "[runtime][signal]") {
    std::atomic<int> woken = 0, timed_out = 0;
    {
        asio::io_context io;
        auto signal = std::make_unique<Signal>();
        asio::co_spawn(io, wait_once(*signal, signal->version(), 1ms, woken, timed_out),
                       asio::detached);
        io.poll();
        signal.reset();
        io.run();
    }
    CHECK(timed_out == 1);
    Signal survivor;
    {
        asio::io_context io;
        asio::co_spawn(io, wait_once(survivor, survivor.version(), 1h, woken, timed_out),
                       asio::detached);
        io.poll();
    }
    survivor.notify();
    CHECK(woken == 0);
}

TEST_CASE("a pool runs work on its own named threads and hands back values and exceptions",
          "[runtime][pool]") {
    asio::io_context io;
    Pool pool{"disk", 3};
    struct NotDefault {
        explicit NotDefault(int v) : value(v) {}
        int value;
    };
    std::set<std::string> names;
    bool threw = false, back_home = false;
    int value = 0;
    auto home = std::this_thread::get_id();
    auto use = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 50; ++i) {
            auto work = [] {
                char name[16] = {};
                pthread_getname_np(pthread_self(), name, sizeof name);
                return std::string{name};
            };
            names.insert(co_await run_on(pool, std::move(work)));
        }
        auto make = [] { return NotDefault{42}; };
        auto made = co_await run_on(pool, std::move(make));
        value = made.value;
        auto fail = []() -> int { throw std::runtime_error("no disk"); };
        try {
            co_await run_on(pool, std::move(fail));
        } catch (const std::runtime_error&) {
            threw = true;
        }
        auto nothing = [] {};
        co_await run_on(pool, std::move(nothing));
        back_home = std::this_thread::get_id() == home;
    };
    asio::co_spawn(io, use(), asio::detached);
    io.run();
    CHECK(value == 42);
    CHECK(threw);
    CHECK(back_home);
    for (const auto& name : names)
        CHECK((name == "disk-0" || name == "disk-1" || name == "disk-2"));
}

TEST_CASE("a pool finishes what is queued before it goes", "[runtime][pool]") {
    std::atomic<int> done = 0;
    {
        Pool pool{"work", 2};
        for (int i = 0; i < 100; ++i) asio::post(pool.executor(), [&] { ++done; });
    }
    CHECK(done == 100);
}
