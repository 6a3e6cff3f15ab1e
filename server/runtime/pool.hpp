#pragma once
/// Named pools for blocking work, and the way there and back from a coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
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

/// Blocking work on its way through a pool: what it is and what came of it. Kept apart from its
/// type, so that the way there and back is compiled once.
class Task {
public:
    virtual ~Task() = default;
    /// On the pool's thread, once. Whatever it throws is rethrown where it is waited for.
    virtual void run() = 0;
    std::exception_ptr thrown;
};

/// Runs the task on the pool and returns on the caller's executor, where the task is destroyed as
/// well. The coroutine itself never leaves its strand. Not cancellable: a task that began ends.
boost::asio::awaitable<void> run_task(Pool& pool, std::shared_ptr<Task> task);

template <class T>
class TaskOf : public Task {
public:
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    std::optional<Value> value;
};

template <class T>
boost::asio::awaitable<T> value_of(Pool& pool, std::shared_ptr<TaskOf<T>> task) {
    co_await run_task(pool, task);
    if constexpr (!std::is_void_v<T>) co_return std::move(*task->value);
}

/// Runs `work()` on the pool and returns its value, as run_task() does. Pass a named, moved
/// callable: GCC 12 destroys a capturing lambda temporary inside a co_await expression twice.
template <class Work>
auto run_on(Pool& pool, Work&& work) {
    using Kept = std::decay_t<Work>;
    using T = std::invoke_result_t<Kept&>;
    class This final : public TaskOf<T> {
    public:
        explicit This(Work&& work) : work_(std::forward<Work>(work)) {}
        void run() override {
            if constexpr (std::is_void_v<T>) {
                work_();
            } else {
                this->value.emplace(work_());
            }
        }

    private:
        Kept work_;
    };
    return value_of<T>(pool, std::make_shared<This>(std::forward<Work>(work)));
}

}  // namespace sluice::runtime
