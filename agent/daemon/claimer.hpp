#pragma once
/// The claim loop on its own thread (rule 10): one session per daemon, a sequence number kept until
/// it is answered, so that a lost reply loses no job. Free slots are asked for as soon as an
/// outcome is recorded.

#include "agent/config.hpp"
#include "agent/daemon/slots.hpp"
#include "agent/server_api.hpp"

#include <atomic>
#include <functional>
#include <thread>

namespace sluice::agent {

class Claimer {
public:
    /// Why the server wants nothing of this daemon any more; also the program's exit code.
    enum class Refusal { none = 0, superseded = 10, unauthorized = 11, upgrade_required = 12 };

    struct Hooks {
        /// Places one job; called on the claiming thread. An error gives the lease back.
        std::function<Result<>(const protocol::ClaimedJob& job)> place;
        /// The loop has ended for good; called once on the claiming thread.
        std::function<void(Refusal refusal, std::string message)> ended;
        /// Why nothing may be claimed now ("disk is full"), or "".
        std::function<std::string()> obstacle;
    };

    /// What this machine can run jobs in, has to give them, and is.
    struct Machine {
        std::vector<std::string> executors;
        model::Capacity resources;
        protocol::HostFacts facts;
    };
    Claimer(const Config& config, Slots& slots, Machine machine, Hooks hooks);
    ~Claimer();
    Claimer(const Claimer&) = delete;
    Claimer& operator=(const Claimer&) = delete;

    void start();
    /// Ends the loop: no further claim; what the server has leased meanwhile is given back. Does
    /// not wait. Any thread.
    void drain();

private:
    void run();
    Result<protocol::ClaimReply> claim_once();
    /// Once, before the first claim: whether both speak the same protocol.
    Result<> say_hello();
    void take(const protocol::ClaimReply& reply);
    void give_back();
    bool rest(std::chrono::milliseconds wait);

    AgentApi api_;
    Slots& slots_;
    Machine machine_;
    Hooks hooks_;
    std::string session_;
    bool greeted_ = false;
    std::int64_t seq_ = 1;
    std::atomic<bool> draining_{false};
    std::mutex mutex_;
    std::condition_variable stopped_;
    std::thread thread_;
};

}  // namespace sluice::agent
