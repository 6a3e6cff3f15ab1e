#pragma once
/// Live attempts in memory: what renew, log and progress need without touching the database (rules
/// 9, 21, 23, 26). The store stays the truth; this table is loaded from it at start and follows
/// commits.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/outcome.hpp"
#include "pipelines/model/usage.hpp"
#include "server/runtime/signal.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::core {

/// One live attempt. Fields above the line are fixed; below it they are guarded by the table's
/// lock.
struct LiveAttempt {
    AttemptId id;
    JobId job;
    RunId run;
    ProjectId project;
    AgentId agent;
    std::string token_hash;
    bool replayable = true;
    bool restored = false;  ///< leased by an earlier process of the server
    // ----
    bool started = false;
    ServiceTime deadline;
    ServiceTime extend_until;  ///< no lease goes beyond: timeout + grace + 5 min (rule 11)
    bool deadline_dirty = false;
    bool cancel = false;
    std::string cancel_reason;
    int log_rewinds = 0;
    std::vector<model::StepStatus> steps;   ///< as progress told; the finish carries the final ones
    std::vector<model::UsageSample> usage;  ///< as renewals told
    std::shared_ptr<runtime::Signal> cancelled = std::make_shared<runtime::Signal>();
    std::shared_ptr<runtime::Signal> log_grew = std::make_shared<runtime::Signal>();
};

/// Any thread.
class LeaseTable {
public:
    void put(LiveAttempt attempt);
    void erase(AttemptId id);
    /// A copy of the entry, or nothing.
    std::optional<LiveAttempt> find(AttemptId id) const;
    std::optional<LiveAttempt> find_by_job(JobId job) const;
    /// Sets started and the time up to which the lease may be extended.
    void mark_started(AttemptId id, ServiceTime deadline, ServiceTime extend_until);
    /// Moves the deadline to now + lease, at most to extend_until. False when the attempt is not
    /// live.
    bool extend(AttemptId id, ServiceTime now, Duration lease);
    void request_cancel(AttemptId id, std::string reason);
    /// Keeps a sample; of too many, every second one goes.
    void add_usage(AttemptId id, const model::UsageSample& sample);
    void set_steps(AttemptId id, std::vector<model::StepStatus> steps);
    /// Counts a rewind of the log and returns how many there were before.
    int count_rewind(AttemptId id);
    /// Ids whose deadline has passed.
    std::vector<AttemptId> expired(ServiceTime now) const;
    /// Deadlines that changed since the last call, to be written behind.
    std::vector<std::pair<AttemptId, ServiceTime>> take_dirty();
    std::vector<JobId> jobs_of(AgentId agent) const;
    std::size_t size() const;

private:
    mutable std::mutex mutex_;
    std::unordered_map<AttemptId, LiveAttempt> live_;
    std::unordered_map<JobId, AttemptId> by_job_;
};

}  // namespace sluice::core
