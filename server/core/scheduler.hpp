#pragma once
/// Ready jobs meet parked claims (architecture §7, rules 7 and 10). The database is the queue; this
/// class holds who waits. The transaction that makes a job ready leases it to a parked matching
/// claim at once.

#include "pipelines/protocol/agent.hpp"
#include "platform/clock.hpp"
#include "server/core/leases.hpp"
#include "server/core/requirements.hpp"
#include "server/core/room.hpp"
#include "server/core/service_clock.hpp"
#include "server/runtime/signal.hpp"
#include "server/store/agents.hpp"
#include "server/store/attempts.hpp"
#include "server/store/jobs.hpp"
#include "server/store/runs.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::core {

struct LeaseTimes {
    Duration lease{60'000};
    Duration unstarted{
        30'000};  ///< a lease that was not started by then goes back, at no cost of a retry
    Duration grace{10'000};
    Duration after_timeout{300'000};
    /// A job that did not fit for so long gets room held back: nothing is leased past it then.
    Duration hold_room{60'000};
    std::int64_t log_limit = 4LL << 30;  ///< bytes of one attempt's log
};

/// One agent as far as claims need it.
struct Claimant {
    AgentId agent;
    std::string name;
    std::set<std::string> labels;  ///< granted ones and os= arch= host= executor=
    bool draining = false;
};

/// A claim that waits for work. Filled by the writer thread, read by the coroutine that polls.
struct ParkedClaim {
    Claimant who;
    std::string session;
    std::int64_t seq = 0;
    int free = 0;
    bool has_gpus = false;  ///< also when all of them are given away
    std::vector<AttemptId> holding;
    model::Capacity left;  ///< unreserved when it was parked; guarded by the scheduler's lock

    enum class State { parked, reserved, answered, gone, superseded };
    State state = State::parked;             ///< guarded by the scheduler's lock
    std::vector<protocol::ClaimedJob> jobs;  ///< guarded by the scheduler's lock
    runtime::Signal changed;
};

/// Builds what travels to the runner: the plan's job, its CI_* variables and its commit. Runs on
/// the writer thread.
using Dispatch = std::function<protocol::ClaimedJob(store::Tx&, const store::Job&, AttemptId,
                                                    const std::string& agent)>;

class Scheduler {
public:
    Scheduler(LeaseTable& leases, const ServiceClock& service, const Clock& clock, LeaseTimes times)
        : leases_(leases), service_(service), clock_(clock), times_(times) {}

    void set_dispatch(Dispatch dispatch) { dispatch_ = std::move(dispatch); }
    /// Called, inside the closure, for a job whose lease ends un-started after a cancel was asked:
    /// it must end instead of being queued again. Lifecycle sets it.
    using OnUnstartedCancel = std::function<void(store::Tx&, JobId)>;
    void set_on_unstarted_cancel(OnUnstartedCancel ends) { on_unstarted_cancel_ = std::move(ends); }

    /// A claim inside a closure: gives back what earlier, unanswered claims left un-started, then
    /// leases ready jobs to it; when there are none it parks `parked`. Errors:
    /// `session_superseded`, `seq_too_low`.
    Result<std::vector<protocol::ClaimedJob>> claim(store::Tx& tx,
                                                    const protocol::ClaimRequest& request,
                                                    std::shared_ptr<ParkedClaim> parked);

    /// Leases a ready job to the parked claim that has waited longest, if one matches. Inside a
    /// closure.
    void offer(store::Tx& tx, JobId job);

    /// Resources of the agent were given back: what fits now is leased to its parked claim. Inside
    /// a closure.
    void freed(store::Tx& tx, AgentId agent);

    /// The agent was told to drain or to go on: its parked claim is answered without a job, so that
    /// it claims anew.
    void release(AgentId agent);
    /// The poll is over: takes the claim out of the queue. False when a commit is about to answer
    /// it: wait on.
    bool unpark(const std::shared_ptr<ParkedClaim>& claim);
    /// The answer, if there is one.
    std::vector<protocol::ClaimedJob> take(const std::shared_ptr<ParkedClaim>& claim);
    ParkedClaim::State state(const std::shared_ptr<ParkedClaim>& claim) const;

    /// Gives an un-started lease back to the queue, inside a closure; false when it had started or
    /// ended.
    bool give_back(store::Tx& tx, AttemptId attempt);

    /// True while the agent has a claim parked or was seen claiming lately (`within`).
    bool online(AgentId agent, Duration within) const;
    void saw(AgentId agent);
    /// Closes every parked claim: the server goes down.
    void wake_all();
    const LeaseTimes& times() const { return times_; }

private:
    static constexpr std::size_t k_prune_at = 1024;

    /// Leases the job; what it asks for is taken out of `left`, where it must fit.
    protocol::ClaimedJob lease(store::Tx& tx, const store::Job& job, const ParkedClaim& claim,
                               model::Capacity& left);
    /// Ready jobs that fit, best first, leased one by one.
    std::vector<protocol::ClaimedJob> lease_fitting(store::Tx& tx, const ParkedClaim& claim,
                                                    int free, model::Capacity& left);
    /// Answers the claim with jobs that were leased to it in this closure.
    void answer(store::Tx& tx, const std::shared_ptr<ParkedClaim>& claim,
                std::vector<protocol::ClaimedJob> jobs, const model::Capacity& left);

    /// Remembers since when the job could be leased but for lack of room.
    void passed_over(store::Tx& tx, JobId job);
    /// Room that is held back now, by agent.
    std::map<AgentId, HeldRoom> held_rooms(store::Tx& tx);
    /// False when an agent holds its room for another job.
    static bool may_lease(const std::map<AgentId, HeldRoom>& rooms, AgentId agent,
                          const store::Job& job);

    LeaseTable& leases_;
    const ServiceClock& service_;
    const Clock& clock_;
    LeaseTimes times_;
    Dispatch dispatch_;
    OnUnstartedCancel on_unstarted_cancel_;

    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<ParkedClaim>> parked_;
    struct Seen {
        std::string session;
        std::int64_t seq = 0;
        std::deque<std::string> superseded;
        std::chrono::steady_clock::time_point at;
        // As of its last claim.
        Claimant who;
        std::vector<AttemptId> holding;
        model::Capacity all;  ///< before anything was given
    };
    std::unordered_map<AgentId, Seen> agents_;
    /// Ready jobs for which there was no room. A restart begins anew, which costs them one wait.
    /// Writer thread only.
    std::map<JobId, ServiceTime> passed_over_;
    std::size_t prune_at_ = k_prune_at;
};

}  // namespace sluice::core
