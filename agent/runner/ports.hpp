#pragma once
/// How a runner reaches the world: where the commit comes from and where the attempt's story goes.
/// The agent's implementations talk to the server; `sluice run` has local ones; tests have fakes.

#include "agent/runner/spool.hpp"
#include "pipelines/protocol/agent.hpp"
#include "pipelines/reports/shards.hpp"
#include "pipelines/reports/verdict.hpp"
#include "platform/spawn.hpp"

#include <functional>

namespace sluice::agent {

/// Why an attempt must stop before its steps have ended by themselves.
enum class StopReason {
    none,
    cancelled,   ///< a person or a newer run; the outcome is still reported
    lease_lost,  ///< the attempt is not ours any more: kill, clean up, report nothing
};

class Source {
public:
    /// Writes a line into the job's log.
    using Note = std::function<void(const std::string&)>;

    virtual ~Source() = default;
    /// Puts the commit into `workspace` (which exists and is empty) as a usable git repository.
    /// Blocking, runner's thread. Refused with a message for the user.
    virtual Result<> checkout(const protocol::ClaimedJob& job, const files::Path& workspace,
                              const Note& note) = 0;
    /// Ends a running checkout() with id `interrupted`. Any thread.
    virtual void interrupt() = 0;
};

/// Called from any thread, at any time between Sink::begin and the end of Sink::finish; must not
/// block.
struct SinkEvents {
    /// The start call was answered: the attempt is ours, or (error) it is not and nothing may run.
    std::function<void(Result<> started)> started;
    std::function<void(StopReason reason, std::string message)> stop;
};

/// What an attempt is compared with, and how long its tests took before.
struct AttemptBaseline : reports::Baseline {
    std::vector<reports::TestTime> tests;
};

class Sink {
public:
    virtual ~Sink() = default;
    /// Blocking, runner's thread. Refused with a reason for people: `there is no server to ask`.
    virtual Result<AttemptBaseline> baseline() {
        return error(Code::unsupported, "no_baseline", "there is no server to ask");
    }
    /// Delivers a full report beside the log. Blocking, runner's thread. Refused with code
    /// unsupported when this sink keeps none.
    virtual Result<> upload_report(const model::ReportFile&, const files::Path&) {
        return error(Code::unsupported, "no_reports", "full reports are not kept here");
    }
    /// Announces the attempt; answers through events.started.
    virtual void begin(SinkEvents events) = 0;
    /// The spool has more bytes. Does not block.
    virtual void log_grew() = 0;
    /// The steps as they are now. Does not block.
    virtual void progress(const std::vector<model::StepStatus>& steps) = 0;
    /// What the job uses, measured now. Does not block.
    virtual void usage(const model::UsageSample& /*sample*/) {}
    /// The step is about to be started so. Does not block; only who lets a person look into a job
    /// afterwards needs it (`sluice run --shell`).
    virtual void step_command(std::size_t /*step*/, const spawn::Command& /*command*/) {}
    /// Delivers the rest of the log and the outcome; returns when they are recorded, or refused for
    /// good (the error). Waits out server outages. Log size and crc are filled in by the sink.
    /// `durable` is called once when the delivery takes so long that the outcome should be on the
    /// disk meanwhile.
    virtual Result<> finish(protocol::FinishRequest request,
                            const std::function<void()>& durable) = 0;
};

}  // namespace sluice::agent
