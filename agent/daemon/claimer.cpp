#include "agent/daemon/claimer.hpp"

#include "agent/backoff.hpp"
#include "agent/log.hpp"
#include "agent/version.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>

namespace sluice::agent {

namespace {

constexpr Duration k_claim_wait{30'000};
constexpr Duration k_full_heartbeat{20'000};  // a full agent shows that it lives
constexpr Duration k_obstacle_wait{10'000};

Claimer::Refusal refusal_of(const Error& error) {
    if (error.id == "session_superseded") return Claimer::Refusal::superseded;
    if (error.code == Code::unauthorized || error.code == Code::forbidden)
        return Claimer::Refusal::unauthorized;
    if (error.code == Code::upgrade_required) return Claimer::Refusal::upgrade_required;
    return Claimer::Refusal::none;
}

}  // namespace

Claimer::Claimer(const Config& config, Slots& slots, Machine machine, Hooks hooks)
    : api_({config.server, config.ca_file}, config.token),
      slots_(slots),
      machine_(std::move(machine)),
      hooks_(std::move(hooks)),
      session_(crypto::random_token(16)) {}

Claimer::~Claimer() {
    drain();
    if (thread_.joinable()) thread_.join();
}

void Claimer::start() {
    thread_ = std::thread([this] { run(); });
}

void Claimer::drain() {
    {
        std::lock_guard lock(mutex_);
        draining_ = true;
    }
    api_.interrupt();
    slots_.wake_all();
    stopped_.notify_all();
}

bool Claimer::rest(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, wait, [&] { return draining_.load(); });
}

void Claimer::run() {
    Backoff backoff;
    bool reachable = true, blocked = false, announced = false;
    while (!draining_) {
        if (std::string obstacle = hooks_.obstacle(); !obstacle.empty()) {
            if (!std::exchange(blocked, true))
                log::warn(fmt::format("not claiming reason=\"{}\"", obstacle));
            rest(k_obstacle_wait);
            continue;
        }
        if (std::exchange(blocked, false)) log::info("claiming again");
        // The first claim is made at once also by a full agent: it supersedes the old session and
        // says what is held.
        if (announced && slots_.view().free == 0) slots_.wait_for_free(k_full_heartbeat);
        if (draining_) break;
        Result<> hello = say_hello();
        Result<protocol::ClaimReply> reply =
            hello ? claim_once() : Result<protocol::ClaimReply>(hello.error());
        if (reply) {
            if (!std::exchange(reachable, true)) log::info("server reached again");
            backoff.reset();
            announced = true;
            take(*reply);
            continue;
        }
        if (draining_) break;
        if (Refusal refusal = refusal_of(reply.error()); refusal != Refusal::none)
            return hooks_.ended(refusal, reply.error().message);
        if (reply.error().id == "seq_too_low") ++seq_;
        if (std::exchange(reachable, false))
            log::warn(fmt::format("server does not answer error={} message=\"{}\"",
                                  reply.error().id, reply.error().message));
        rest(backoff.next());
    }
    give_back();
    hooks_.ended(Refusal::none, "");
}

Result<> Claimer::say_hello() {
    if (greeted_) return {};
    auto reply = api_.hello({protocol::k_version, k_version, machine_.facts});
    // A server from before this call says 404; its claims work all the same.
    if (!reply && reply.error().code != Code::not_found) return reply.error();
    greeted_ = true;
    return {};
}

Result<protocol::ClaimReply> Claimer::claim_once() {
    Slots::View view = slots_.view();
    protocol::ClaimRequest request;
    request.session = session_;
    request.seq = seq_;
    request.free = draining_ ? 0 : view.free;
    request.capacity = slots_.capacity();
    request.holding = std::move(view.holding);
    request.executors = machine_.executors;
    request.resources = machine_.resources;
    request.draining = draining_;
    request.wait = request.free > 0 ? k_claim_wait : Duration{0};
    failpoint::hit("daemon.claim", "before");
    SLUICE_TRY(protocol::ClaimReply reply, api_.claim(request));
    if (!reply.jobs.empty()) failpoint::hit("daemon.claim", "after");
    ++seq_;
    return reply;
}

void Claimer::take(const protocol::ClaimReply& reply) {
    for (const protocol::ClaimedJob& job : reply.jobs) {
        log::info(fmt::format("job claimed attempt={} run={} job=\"{}\"", job.attempt.value,
                              job.run.value, job.spec.id));
        Result<> placed =
            draining_ ? Result<>(error(Code::unavailable, "draining", "the agent is draining"))
                      : hooks_.place(job);
        if (placed) continue;
        log::warn(fmt::format("job given back attempt={} error=\"{}\"", job.attempt.value,
                              placed.error().message));
        // When this fails, too, the next claim's `holding` or the lease's end gives it back.
        (void)api_.release(job.attempt, job.lease_token);
    }
}

void Claimer::give_back() {
    // The interrupted claim may have been answered with jobs that we never saw: the same seq tells
    // which.
    api_.resume();
    if (Result<protocol::ClaimReply> reply = claim_once()) take(*reply);
}

}  // namespace sluice::agent
