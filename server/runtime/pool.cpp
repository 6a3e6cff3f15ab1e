#include "server/runtime/pool.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <pthread.h>

#include <latch>

namespace sluice::runtime {

Pool::Pool(std::string name, std::size_t threads) : name_(std::move(name)), pool_(threads) {
    // One task per thread: each waits for the others, so that no thread takes two and every one
    // gets its name.
    auto all_here = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(threads));
    for (std::size_t n = 0; n < threads; ++n) {
        std::string thread_name = (name_ + "-" + std::to_string(n)).substr(0, 15);
        boost::asio::post(pool_, [all_here, thread_name] {
            pthread_setname_np(pthread_self(), thread_name.c_str());
            all_here->arrive_and_wait();
        });
    }
}

Pool::~Pool() {
    pool_.join();
}

boost::asio::awaitable<void> run_task(Pool& pool, std::shared_ptr<Task> task) {
    namespace asio = boost::asio;
    // The completion carries the task, so nothing is left dangling if the waiting coroutine is
    // destroyed, and what the task holds ends at home.
    auto start = [](auto handler, asio::thread_pool::executor_type there,
                    std::shared_ptr<Task> given) {
        auto home = asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked);
        auto work = [handler = std::move(handler), home = std::move(home),
                     given = std::move(given)]() mutable {
            try {
                given->run();
            } catch (...) {
                given->thrown = std::current_exception();
            }
            auto back = [handler = std::move(handler), given = std::move(given)]() mutable {
                std::move(handler)();
            };
            asio::dispatch(home, std::move(back));
        };
        asio::post(there, std::move(work));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        start, asio::use_awaitable, pool.executor(), task);
    if (task->thrown) std::rethrow_exception(task->thrown);
}

}  // namespace sluice::runtime
