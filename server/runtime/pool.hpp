#pragma once
/// Named pools for blocking work, and the way there and back from a coroutine.

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

namespace sluice::runtime {

/// A fixed set of threads named `<name>-<n>` for blocking calls (`db`, `disk`, `net`). The
/// destructor runs what is queued, then joins; destroy pools before the io_context whose coroutines
/// wait for them.
class Pool {
public:
    Pool(std::string name, std::size_t threads);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    boost::asio::thread_pool::executor_type executor() { return pool_.get_executor(); }
    const std::string& name() const { return name_; }

private:
    std::string name_;
    boost::asio::thread_pool pool_;
};

/// Runs `work()` on the pool and returns its value (or rethrows) on the caller's executor. The
/// coroutine itself never leaves its strand. Not cancellable: work that began ends. Pass a named,
/// moved callable: GCC 12 destroys a capturing lambda temporary inside a co_await expression twice.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work>> run_on(Pool& pool, Work work) {
    namespace asio = boost::asio;
    using T = std::invoke_result_t<Work>;
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    // The value travels inside the completion, so nothing is left dangling if the waiting coroutine
    // is destroyed.
    auto start = [](auto handler, asio::thread_pool::executor_type there, Work inner) {
        auto home = asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked);
        auto task = [handler = std::move(handler), home = std::move(home),
                     inner = std::move(inner)]() mutable {
            std::exception_ptr thrown;
            std::optional<Value> value;
            try {
                if constexpr (std::is_void_v<T>) {
                    inner();
                    value.emplace();
                } else {
                    value.emplace(inner());
                }
            } catch (...) {
                thrown = std::current_exception();
            }
            auto back = [handler = std::move(handler), thrown, value = std::move(value)]() mutable {
                std::move(handler)(thrown, std::move(value));
            };
            asio::dispatch(home, std::move(back));
        };
        asio::post(there, std::move(task));
    };
    std::optional<Value> value =
        co_await asio::async_initiate<const asio::use_awaitable_t<>&,
                                      void(std::exception_ptr, std::optional<Value>)>(
            start, asio::use_awaitable, pool.executor(), std::move(work));
    if constexpr (!std::is_void_v<T>) co_return std::move(*value);
}

}  // namespace sluice::runtime
