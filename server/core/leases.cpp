#include "server/core/leases.hpp"

#include <algorithm>

namespace sluice::core {

void LeaseTable::put(LiveAttempt attempt) {
    std::lock_guard lock(mutex_);
    by_job_[attempt.job] = attempt.id;
    live_.insert_or_assign(attempt.id, std::move(attempt));
}

void LeaseTable::erase(AttemptId id) {
    std::shared_ptr<runtime::Signal> cancelled, grew;
    {
        std::lock_guard lock(mutex_);
        auto at = live_.find(id);
        if (at == live_.end()) return;
        cancelled = at->second.cancelled;
        grew = at->second.log_grew;
        auto job = by_job_.find(at->second.job);
        if (job != by_job_.end() && job->second == id) by_job_.erase(job);
        live_.erase(at);
    }
    // Whoever waits on the attempt looks again and finds it ended.
    cancelled->notify();
    grew->notify();
}

std::optional<LiveAttempt> LeaseTable::find(AttemptId id) const {
    std::lock_guard lock(mutex_);
    auto at = live_.find(id);
    if (at == live_.end()) return std::nullopt;
    return at->second;
}

std::optional<LiveAttempt> LeaseTable::find_by_job(JobId job) const {
    std::lock_guard lock(mutex_);
    auto at = by_job_.find(job);
    if (at == by_job_.end()) return std::nullopt;
    return live_.at(at->second);
}

void LeaseTable::mark_started(AttemptId id, ServiceTime deadline, ServiceTime extend_until) {
    std::lock_guard lock(mutex_);
    auto at = live_.find(id);
    if (at == live_.end()) return;
    at->second.started = true;
    at->second.deadline = deadline;
    at->second.deadline_dirty = true;
    at->second.extend_until = extend_until;
}

bool LeaseTable::extend(AttemptId id, ServiceTime now, Duration lease) {
    std::lock_guard lock(mutex_);
    auto at = live_.find(id);
    if (at == live_.end()) return false;
    at->second.deadline =
        std::max(at->second.deadline, std::min(now + lease, at->second.extend_until));
    at->second.deadline_dirty = true;
    return true;
}

void LeaseTable::request_cancel(AttemptId id, std::string reason) {
    std::shared_ptr<runtime::Signal> cancelled;
    {
        std::lock_guard lock(mutex_);
        auto at = live_.find(id);
        if (at == live_.end()) return;
        at->second.cancel = true;
        at->second.cancel_reason = std::move(reason);
        cancelled = at->second.cancelled;
    }
    cancelled->notify();
}

void LeaseTable::set_steps(AttemptId id, std::vector<model::StepStatus> steps) {
    std::lock_guard lock(mutex_);
    auto at = live_.find(id);
    if (at != live_.end()) at->second.steps = std::move(steps);
}

void LeaseTable::add_usage(AttemptId id, const model::UsageSample& sample) {
    std::lock_guard lock(mutex_);
    auto at = live_.find(id);
    if (at == live_.end()) return;
    auto& samples = at->second.usage;
    if (!samples.empty() && sample.at_ms <= samples.back().at_ms) return;
    samples.push_back(sample);
    if (samples.size() <= model::k_usage_samples_max) return;
    for (std::size_t i = 0; 2 * i + 1 < samples.size(); ++i) samples[i] = samples[2 * i + 1];
    samples.resize(samples.size() / 2);
}

int LeaseTable::count_rewind(AttemptId id) {
    std::lock_guard lock(mutex_);
    auto at = live_.find(id);
    return at == live_.end() ? 0 : at->second.log_rewinds++;
}

std::vector<AttemptId> LeaseTable::expired(ServiceTime now) const {
    std::lock_guard lock(mutex_);
    std::vector<AttemptId> out;
    for (auto& [id, attempt] : live_)
        if (attempt.deadline < now) out.push_back(id);
    return out;
}

std::vector<std::pair<AttemptId, ServiceTime>> LeaseTable::take_dirty() {
    std::lock_guard lock(mutex_);
    std::vector<std::pair<AttemptId, ServiceTime>> out;
    for (auto& [id, attempt] : live_) {
        if (!attempt.deadline_dirty) continue;
        attempt.deadline_dirty = false;
        out.emplace_back(id, attempt.deadline);
    }
    return out;
}

std::vector<JobId> LeaseTable::jobs_of(AgentId agent) const {
    std::lock_guard lock(mutex_);
    std::vector<JobId> out;
    for (auto& [id, attempt] : live_)
        if (attempt.agent == agent) out.push_back(attempt.job);
    std::sort(out.begin(), out.end());
    return out;
}

std::size_t LeaseTable::size() const {
    std::lock_guard lock(mutex_);
    return live_.size();
}

}  // namespace sluice::core
