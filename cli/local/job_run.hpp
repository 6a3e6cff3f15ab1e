#pragma once
/// A job of a local run as it is now, and the listener that shows what happens to it. Pure values.

#include "cli/local/runner_process.hpp"
#include "pipelines/plan/plan.hpp"

#include <chrono>
#include <map>

namespace sluice::cli::local {

struct JobRun {
    plan::PlannedJob planned;
    model::JobState state = model::JobState::waiting;
    std::string reason;                  ///< why it did not run, or was retried; for people
    bool stopping = false;               ///< `fail_fast` has asked its runner to stop
    int attempt = 0;                     ///< from 1 once it has begun
    std::map<std::string, int> retries;  ///< used, by the name of plan::RetryRule
    std::chrono::steady_clock::time_point not_before{};  ///< the next attempt waits until then
    std::chrono::steady_clock::time_point begun, ended;
    files::Path dir;                                ///< of the newest attempt
    std::unique_ptr<RunnerProcess> runner;          ///< while it runs
    std::optional<protocol::FinishRequest> report;  ///< of the newest attempt that has ended

    std::int64_t milliseconds() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(ended - begun).count();
    }
    /// The step by which the job failed, else the last that ran; nothing when none did.
    std::optional<std::size_t> telling_step() const;
};

/// What a run tells while it goes on, from its thread.
class RunListener {
public:
    virtual ~RunListener() = default;
    virtual void started(const JobRun& job) = 0;
    /// An attempt has ended and there will be another.
    virtual void retried(const JobRun& job) = 0;
    /// The job is in its last state; also without having run.
    virtual void ended(const JobRun& job) = 0;
    /// Some time has passed; `jobs` are all of them.
    virtual void tick(const std::vector<JobRun>& jobs) = 0;
};

}  // namespace sluice::cli::local
