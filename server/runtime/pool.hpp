#pragma once
/// Named pools for blocking work, and the way there and back from a coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <string>
#include <type_traits>

namespace sluice::runtime {

/// A fixed set of threads named `<name>-<n>` for blocking calls (`db`, `disk`, `net`). Joins in the destructor.
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

/// Runs `work()` on the pool and returns its value (or rethrows) on the caller's executor. Pass a named, moved callable:
/// GCC 12 destroys a capturing lambda temporary inside a co_await expression twice.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work>> run_on(Pool& pool, Work work) {
    using T = std::invoke_result_t<Work>;
    auto body = [](Work inner) -> boost::asio::awaitable<T> { co_return inner(); };
    co_return co_await boost::asio::co_spawn(pool.executor(), body(std::move(work)), boost::asio::use_awaitable);
}

}  // namespace sluice::runtime
