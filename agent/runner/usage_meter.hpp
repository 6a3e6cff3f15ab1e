#pragma once
/// Measures what an attempt's processes use, from its first step to its end. Thread of the
/// io_context.

#include "agent/executors/executor.hpp"
#include "pipelines/model/usage.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>

namespace sluice::agent {

class UsageMeter {
public:
    using Told = std::function<void(const model::UsageSample& sample)>;
    explicit UsageMeter(boost::asio::io_context& io) : timer_(io) {}

    /// Measures `executor` now and then; `told` hears of each sample.
    void start(const Executor& executor, Told told);
    /// The last measurement; afterwards nothing more is measured.
    void stop();
    const model::Usage& usage() const { return usage_; }

private:
    void measure();
    void wait();

    boost::asio::steady_timer timer_;
    const Executor* executor_ = nullptr;
    Told told_;
    std::chrono::steady_clock::time_point begun_;
    Duration interval_{1'000};
    model::Usage usage_;
};

}  // namespace sluice::agent
