#include "server/core/scheduler.hpp"

#include "platform/crypto.hpp"
#include "server/store/reservations.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

namespace sluice::core {

namespace {

/// An agent that was silent for longer will hardly be the first to have room. Full ones claim every
/// 20 s, parked ones every 30 s.
constexpr std::chrono::seconds k_lately{90};

/// What the agent has less what was given of it.
model::Capacity unreserved(store::Tx& tx, AgentId agent, const std::vector<AttemptId>& holding) {
    model::Capacity left = store::capacity_of(tx, agent).value_or(model::Capacity{});
    for (const model::Reservation& given : store::reservations_of(tx, agent, holding))
        model::subtract(left, given);
    return left;
}

bool fits(const model::Resources& wanted, model::Capacity left) {
    return model::reserve(wanted, left).has_value();
}

/// How much would be left over: of agents that will do, the one with the least (bin packing); an
/// agent's GPUs are kept for jobs that want them.
std::tuple<std::size_t, std::int64_t, std::int64_t> leftover(const model::Resources& wanted,
                                                             model::Capacity left) {
    (void)model::reserve(wanted, left);
    return {left.gpus.size(), left.cpu_millis, left.memory};
}

bool asks(const model::Resources& wanted) {
    return wanted.cpu_millis > 0 || wanted.memory > 0 || wanted.disk > 0 || wanted.gpus > 0;
}

}  // namespace

protocol::ClaimedJob Scheduler::lease(store::Tx& tx, const store::Job& job,
                                      const ParkedClaim& claim, model::Capacity& left) {
    const bool has_gpus = !left.gpus.empty();
    const auto given = model::reserve(parse_queue_key(job.queue_key).resources, left);
    if (!given) throw std::logic_error("a job was leased where it does not fit");
    const auto token = crypto::random_token();
    store::Attempt attempt;
    attempt.job = job.id;
    attempt.run = job.run;
    attempt.agent = claim.who.agent;
    attempt.epoch = job.attempts + 1;
    attempt.token_hash = crypto::sha256_hex(token);
    attempt.session = claim.session;
    attempt.claim_seq = claim.seq;
    attempt.deadline = service_.now() + times_.unstarted;
    attempt.created_at = clock_.now();
    attempt.id = store::insert_attempt(tx, attempt);
    if (!given->empty()) store::set_reservation(tx, attempt.id, *given);
    auto claimed = dispatch_(tx, job, attempt.id, claim.who.name);
    attempt.replayable = claimed.spec.replayable;
    attempt.timeout_ms = claimed.spec.timeout.value_or(Duration{3'600'000}).count();
    tx.exec("UPDATE attempts SET replayable = :a, timeout_ms = :b WHERE id = :c",
            attempt.replayable, attempt.timeout_ms, attempt.id);
    if (!store::set_job_attempt(tx, job.id, AttemptId{}, attempt.id))
        throw std::logic_error("a ready job without attempt could not be leased");
    store::set_job_attempt_count(tx, job.id, attempt.epoch);
    store::set_wait_reason(tx, job.id, "starting on agent " + claim.who.name);

    claimed.epoch = attempt.epoch;
    claimed.lease_token = token;
    claimed.lease = times_.unstarted;
    claimed.log_limit = times_.log_limit;
    claimed.gpus = given->gpus;
    // Empty for a job that asked for none: it must not find those of others.
    if (has_gpus || claim.has_gpus)
        claimed.env["CUDA_VISIBLE_DEVICES"] = fmt::format("{}", fmt::join(given->gpus, ","));

    LiveAttempt live;
    live.id = attempt.id;
    live.job = job.id;
    live.run = job.run;
    live.agent = claim.who.agent;
    live.token_hash = attempt.token_hash;
    live.replayable = attempt.replayable;
    live.deadline = attempt.deadline;
    live.extend_until = attempt.deadline;
    leases_.put(std::move(live));
    passed_over_.erase(job.id);
    tx.after_rollback([this, id = attempt.id] { leases_.erase(id); });
    return claimed;
}

Result<std::vector<protocol::ClaimedJob>> Scheduler::claim(store::Tx& tx,
                                                           const protocol::ClaimRequest& request,
                                                           std::shared_ptr<ParkedClaim> parked) {
    const AgentId agent = parked->who.agent;
    std::string known_session;
    std::int64_t known_seq = 0;
    {
        std::lock_guard lock(mutex_);
        auto& seen = agents_[agent];
        if (seen.session.empty())
            if (auto row = store::find_agent(tx, agent)) seen.session = row->session;
        if (std::find(seen.superseded.begin(), seen.superseded.end(), request.session) !=
            seen.superseded.end())
            return error(Code::conflict, "session_superseded",
                         "another daemon claims with this agent's identity; this one must stop "
                         "(was the VM image cloned?)");
        known_session = seen.session;
        known_seq = seen.seq;
        if (known_session == request.session && request.seq < known_seq)
            return error(Code::conflict, "seq_too_low", "this claim was overtaken by a later one");
    }
    const bool new_session = known_session != request.session;
    if (new_session) store::set_agent_session(tx, agent, request.session, request.capacity);

    std::vector<protocol::ClaimedJob> jobs;
    const std::set<std::int64_t> holding = [&] {
        std::set<std::int64_t> ids;
        for (auto id : request.holding) ids.insert(id.value);
        return ids;
    }();
    for (const auto& attempt : store::live_attempts_of(tx, agent)) {
        if (attempt.state != model::AttemptState::leased || holding.contains(attempt.id.value))
            continue;
        // The answer to an earlier claim (or to this very one) was lost: nobody will ever start
        // these leases.
        give_back(tx, attempt.id);
    }

    auto capacity = store::capacity_of(tx, agent);
    if (request.resources && capacity != request.resources) {
        store::set_capacity(tx, agent, *request.resources);
        capacity = request.resources;
    }
    parked->has_gpus = capacity && !capacity->gpus.empty();
    const int free = request.draining || parked->who.draining ? 0 : request.free;
    model::Capacity left = unreserved(tx, agent, request.holding);
    Seen before;
    {
        std::lock_guard lock(mutex_);
        auto& seen = agents_[agent];
        before = seen;
        // Before leasing: what is held back rests on it.
        seen.who = parked->who;
        seen.who.draining = request.draining || parked->who.draining;
        seen.holding = request.holding;
        seen.all = capacity.value_or(model::Capacity{});
        seen.at = clock_.steady();
    }
    tx.after_rollback([this, agent, before] {
        std::lock_guard inner(mutex_);
        agents_[agent] = before;
    });
    if (free > 0) jobs = lease_fitting(tx, *parked, free, left);

    std::lock_guard lock(mutex_);
    auto& seen = agents_[agent];
    if (new_session) {
        if (!seen.session.empty()) seen.superseded.push_back(seen.session);
        if (seen.superseded.size() > 8) seen.superseded.pop_front();
        seen.session = request.session;
    }
    seen.seq = request.seq;
    for (auto& other : parked_) {
        // One claim per agent: an older one is a dead connection or a superseded daemon.
        if (other->who.agent != agent || other->state != ParkedClaim::State::parked) continue;
        other->state = other->session == request.session ? ParkedClaim::State::gone
                                                         : ParkedClaim::State::superseded;
        other->changed.notify();
    }
    std::erase_if(parked_, [](const auto& claim) {
        return claim->state == ParkedClaim::State::gone ||
               claim->state == ParkedClaim::State::superseded;
    });
    if (jobs.empty() && request.wait.count() > 0) {
        // Without a free slot, too: a resumed agent's poll is answered at once by release().
        parked->free = free;
        parked->left = left;
        parked->holding = request.holding;
        parked_.push_back(parked);
        tx.after_rollback([this, parked] {
            std::lock_guard inner(mutex_);
            std::erase(parked_, parked);
        });
    }
    return jobs;
}

std::vector<protocol::ClaimedJob> Scheduler::lease_fitting(store::Tx& tx, const ParkedClaim& claim,
                                                           int free, model::Capacity& left) {
    std::vector<store::Job> found;
    for (const auto& key : store::ready_keys(tx)) {
        const Requirement wanted = parse_queue_key(key);
        if (!labels_match(wanted, claim.who.labels)) continue;
        if (!fits(wanted.resources, left)) {
            for (auto id : store::ready_jobs(tx, key, service_.now(), 1)) passed_over(tx, id);
            continue;
        }
        for (auto id : store::ready_jobs(tx, key, service_.now(), free))
            found.push_back(store::find_job(tx, id).value());
    }
    std::sort(found.begin(), found.end(), [](const store::Job& a, const store::Job& b) {
        return a.priority != b.priority ? a.priority > b.priority : a.id < b.id;
    });
    auto rooms = held_rooms(tx);
    std::vector<protocol::ClaimedJob> jobs;
    for (const auto& job : found) {
        if (jobs.size() == static_cast<std::size_t>(free)) break;
        // What came before may have taken what this one needs.
        if (!fits(parse_queue_key(job.queue_key).resources, left)) {
            passed_over(tx, job.id);
            continue;
        }
        if (!may_lease(rooms, claim.who.agent, job)) continue;
        jobs.push_back(lease(tx, job, claim, left));
        // What is spare is less now, or nobody waits any more.
        if (!rooms.empty()) rooms = held_rooms(tx);
    }
    return jobs;
}

void Scheduler::passed_over(store::Tx& tx, JobId job) {
    passed_over_.try_emplace(job, service_.now());
    if (passed_over_.size() < prune_at_) return;
    // Jobs also end without having been leased.
    std::erase_if(passed_over_, [&](const auto& one) {
        const auto row = store::find_job(tx, one.first);
        return !row || row->state != model::JobState::ready || row->attempt;
    });
    prune_at_ = std::max(k_prune_at, 2 * passed_over_.size());
}

std::map<AgentId, HeldRoom> Scheduler::held_rooms(store::Tx& tx) {
    if (passed_over_.empty()) return {};
    std::vector<Waiting> jobs;
    std::map<JobId, std::string> reasons;
    // The first of each queue: those behind it want the same, and are never leased before it.
    for (const auto& key : store::ready_keys(tx))
        for (auto id : store::ready_jobs(tx, key, service_.now(), 1)) {
            const auto since = passed_over_.find(id);
            if (since == passed_over_.end() || service_.now() < since->second + times_.hold_room)
                continue;
            const auto job = store::find_job(tx, id).value();
            jobs.push_back({id, job.priority, parse_queue_key(key)});
            reasons[id] = job.wait_reason;
        }
    if (jobs.empty()) return {};
    std::vector<Machine> machines;
    std::map<AgentId, std::string> names;
    std::map<AgentId, std::vector<AttemptId>> holding;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [id, seen] : agents_) {
            if (seen.who.draining || !seen.who.agent || clock_.steady() - seen.at > k_lately)
                continue;
            Machine machine{id, seen.who.labels, seen.all, {}};
            const bool can = std::any_of(jobs.begin(), jobs.end(), [&](const Waiting& job) {
                return room_on(machine, job.wanted, {}).has_value();
            });
            if (!can) continue;
            machines.push_back(std::move(machine));
            names[id] = seen.who.name;
            holding[id] = seen.holding;
        }
    }
    if (machines.empty()) return {};
    auto given = store::given_by_agent(tx, holding);
    for (Machine& machine : machines)
        for (auto& [what, until] : given[machine.id])
            machine.taken.push_back({std::move(what), until});
    auto rooms = hold_room(std::move(jobs), machines, clock_.now());
    for (const auto& [agent, held] : rooms) {
        const std::string reason =
            fmt::format("waiting for {} on agent {}, which takes nothing smaller before it fits",
                        model::to_words(held.job.wanted.resources), names[agent]);
        if (reasons[held.job.id] != reason) store::set_wait_reason(tx, held.job.id, reason);
    }
    return rooms;
}

bool Scheduler::may_lease(const std::map<AgentId, HeldRoom>& rooms, AgentId agent,
                          const store::Job& job) {
    const auto held = rooms.find(agent);
    return held == rooms.end() ||
           may_pass(held->second, job.priority, job.id, parse_queue_key(job.queue_key).resources);
}

void Scheduler::offer(store::Tx& tx, JobId job_id) {
    std::shared_ptr<ParkedClaim> chosen;
    model::Capacity left;
    auto job = store::find_job(tx, job_id);
    if (!job || job->state != model::JobState::ready || job->attempt ||
        job->not_before > service_.now().ms)
        return;
    const Requirement wanted = parse_queue_key(job->queue_key);
    const auto rooms = held_rooms(tx);
    {
        std::lock_guard lock(mutex_);
        for (auto& claim : parked_) {
            const bool open = claim->state == ParkedClaim::State::parked ||
                              claim->state == ParkedClaim::State::reserved;
            if (!open || claim->jobs.size() >= static_cast<std::size_t>(claim->free)) continue;
            if (!labels_match(wanted, claim->who.labels) || !fits(wanted.resources, claim->left))
                continue;
            if (!may_lease(rooms, claim->who.agent, *job)) continue;
            if (chosen &&
                leftover(wanted.resources, claim->left) >= leftover(wanted.resources, chosen->left))
                continue;
            chosen = claim;
            // Who has waited longest, where there is nothing to pack.
            if (!asks(wanted.resources) && claim->left.gpus.empty()) break;
        }
        if (chosen) left = chosen->left;
    }
    if (!chosen) {
        if (asks(wanted.resources)) passed_over(tx, job->id);
        return;
    }
    std::vector<protocol::ClaimedJob> jobs;
    jobs.push_back(lease(tx, *job, *chosen, left));
    answer(tx, chosen, std::move(jobs), left);
}

void Scheduler::freed(store::Tx& tx, AgentId agent) {
    std::shared_ptr<ParkedClaim> chosen;
    int free = 0;
    std::vector<AttemptId> holding;
    {
        std::lock_guard lock(mutex_);
        for (auto& claim : parked_)
            if (claim->who.agent == agent && claim->state == ParkedClaim::State::parked &&
                claim->free > 0)
                chosen = claim;
        if (!chosen) return;
        free = chosen->free;
        holding = chosen->holding;
    }
    // Held when it was parked, and ended since.
    std::erase_if(holding, [&](AttemptId id) {
        auto attempt = store::find_attempt(tx, id);
        return attempt && attempt->state == model::AttemptState::finished;
    });
    model::Capacity left = unreserved(tx, agent, holding);
    auto jobs = lease_fitting(tx, *chosen, free, left);
    if (jobs.empty()) {
        std::lock_guard lock(mutex_);
        chosen->left = left;
        return;
    }
    answer(tx, chosen, std::move(jobs), left);
}

void Scheduler::answer(store::Tx& tx, const std::shared_ptr<ParkedClaim>& claim,
                       std::vector<protocol::ClaimedJob> jobs, const model::Capacity& left) {
    std::vector<AttemptId> attempts;
    model::Capacity before;
    {
        std::lock_guard lock(mutex_);
        claim->state = ParkedClaim::State::reserved;
        before = std::exchange(claim->left, left);
        for (auto& job : jobs) {
            attempts.push_back(job.attempt);
            claim->jobs.push_back(std::move(job));
        }
    }
    tx.after_rollback([this, claim, attempts, before] {
        std::lock_guard lock(mutex_);
        claim->left = before;
        std::erase_if(claim->jobs, [&](const auto& given) {
            return std::find(attempts.begin(), attempts.end(), given.attempt) != attempts.end();
        });
        if (claim->jobs.empty() && claim->state == ParkedClaim::State::reserved)
            claim->state = ParkedClaim::State::parked;
    });
    tx.after_commit([this, claim] {
        {
            std::lock_guard lock(mutex_);
            claim->state = ParkedClaim::State::answered;
            std::erase(parked_, claim);
        }
        claim->changed.notify();
    });
}

void Scheduler::release(AgentId agent) {
    std::lock_guard lock(mutex_);
    for (auto& claim : parked_) {
        if (claim->who.agent != agent || claim->state != ParkedClaim::State::parked) continue;
        claim->state = ParkedClaim::State::gone;
        claim->changed.notify();
    }
    std::erase_if(parked_,
                  [](const auto& claim) { return claim->state == ParkedClaim::State::gone; });
}

bool Scheduler::unpark(const std::shared_ptr<ParkedClaim>& claim) {
    std::lock_guard lock(mutex_);
    if (claim->state == ParkedClaim::State::reserved)
        return false;  // its leases go back when the agent claims again
    if (claim->state == ParkedClaim::State::parked) claim->state = ParkedClaim::State::gone;
    std::erase(parked_, claim);
    return true;
}

std::vector<protocol::ClaimedJob> Scheduler::take(const std::shared_ptr<ParkedClaim>& claim) {
    std::lock_guard lock(mutex_);
    if (claim->state != ParkedClaim::State::answered) return {};
    return std::move(claim->jobs);
}

ParkedClaim::State Scheduler::state(const std::shared_ptr<ParkedClaim>& claim) const {
    std::lock_guard lock(mutex_);
    return claim->state;
}

bool Scheduler::give_back(store::Tx& tx, AttemptId id) {
    auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state != model::AttemptState::leased) return false;
    if (!store::change_attempt(tx, id, model::AttemptState::leased, model::AttemptState::lost,
                               clock_.now()))
        return false;
    store::set_job_attempt(tx, attempt->job, id, AttemptId{});
    tx.after_commit([this, id] { leases_.erase(id); });
    if (attempt->cancel_requested) {
        on_unstarted_cancel_(tx, attempt->job);
        return true;
    }
    store::set_wait_reason(tx, attempt->job, "waiting for an agent");
    offer(tx, attempt->job);
    return true;
}

bool Scheduler::online(AgentId agent, Duration within) const {
    std::lock_guard lock(mutex_);
    auto at = agents_.find(agent);
    return at != agents_.end() && clock_.steady() - at->second.at < within;
}

void Scheduler::saw(AgentId agent) {
    std::lock_guard lock(mutex_);
    agents_[agent].at = clock_.steady();
}

void Scheduler::wake_all() {
    std::lock_guard lock(mutex_);
    for (auto& claim : parked_) {
        if (claim->state == ParkedClaim::State::parked) claim->state = ParkedClaim::State::gone;
        claim->changed.notify();
    }
    parked_.clear();
}

}  // namespace sluice::core
