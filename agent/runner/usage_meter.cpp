#include "agent/runner/usage_meter.hpp"

namespace sluice::agent {

void UsageMeter::start(const Executor& executor, Told told) {
    executor_ = &executor;
    told_ = std::move(told);
    begun_ = std::chrono::steady_clock::now();
    wait();
}

void UsageMeter::stop() {
    timer_.cancel();
    if (executor_ != nullptr) measure();
    executor_ = nullptr;
}

void UsageMeter::wait() {
    timer_.expires_after(interval_);
    timer_.async_wait([this](boost::system::error_code cancelled) {
        if (cancelled || executor_ == nullptr) return;
        measure();
        wait();
    });
}

void UsageMeter::measure() {
    const std::optional<UsageNow> now = executor_->usage();
    if (!now) return;
    const model::UsageSample sample{
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun_).count(),
        std::max(usage_.cpu_ms, now->cpu.count()), now->resident};
    usage_.cpu_ms = sample.cpu_ms;
    usage_.peak = std::max({usage_.peak, sample.resident, now->peak});
    auto& samples = usage_.samples;
    if (samples.size() == model::k_usage_samples_max) {
        // A long job is measured ever less often, and as evenly as before.
        for (std::size_t i = 0; 2 * i + 1 < samples.size(); ++i) samples[i] = samples[2 * i + 1];
        samples.resize(samples.size() / 2);
        interval_ *= 2;
    }
    samples.push_back(sample);
    told_(sample);
}

}  // namespace sluice::agent
