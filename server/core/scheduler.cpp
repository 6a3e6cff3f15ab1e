#include "server/core/scheduler.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace sluice::core {

std::string queue_key(std::vector<std::string> labels) {
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    return fmt::format("{}", fmt::join(labels, ","));
}

bool key_matches(std::string_view key, const std::set<std::string>& labels) {
    if (key.empty()) return true;
    for (const auto& label : text::split(key, ','))
        if (!labels.contains(label)) return false;
    return true;
}

protocol::ClaimedJob Scheduler::lease(store::Tx& tx, const store::Job& job,
                                      const ParkedClaim& claim) {
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

    const int free = request.draining || parked->who.draining ? 0 : request.free;
    const auto now = service_.now();
    if (free > 0) {
        std::vector<store::Job> found;
        for (const auto& key : store::ready_keys(tx)) {
            if (!key_matches(key, parked->who.labels)) continue;
            for (auto id : store::ready_jobs(tx, key, now, free))
                found.push_back(store::find_job(tx, id).value());
        }
        std::sort(found.begin(), found.end(), [](const store::Job& a, const store::Job& b) {
            return a.priority != b.priority ? a.priority > b.priority : a.id < b.id;
        });
        if (found.size() > static_cast<std::size_t>(free))
            found.resize(static_cast<std::size_t>(free));
        for (const auto& job : found) jobs.push_back(lease(tx, job, *parked));
    }

    std::lock_guard lock(mutex_);
    auto& seen = agents_[agent];
    const auto before = seen;
    if (new_session) {
        if (!seen.session.empty()) seen.superseded.push_back(seen.session);
        if (seen.superseded.size() > 8) seen.superseded.pop_front();
        seen.session = request.session;
    }
    seen.seq = request.seq;
    seen.at = clock_.steady();
    tx.after_rollback([this, agent, before] {
        std::lock_guard inner(mutex_);
        agents_[agent] = before;
    });
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
        parked_.push_back(parked);
        tx.after_rollback([this, parked] {
            std::lock_guard inner(mutex_);
            std::erase(parked_, parked);
        });
    }
    return jobs;
}

void Scheduler::offer(store::Tx& tx, JobId job_id) {
    std::shared_ptr<ParkedClaim> chosen;
    auto job = store::find_job(tx, job_id);
    if (!job || job->state != model::JobState::ready || job->attempt ||
        job->not_before > service_.now().ms)
        return;
    {
        std::lock_guard lock(mutex_);
        for (auto& claim : parked_) {
            const bool open = claim->state == ParkedClaim::State::parked ||
                              claim->state == ParkedClaim::State::reserved;
            if (!open || claim->jobs.size() >= static_cast<std::size_t>(claim->free)) continue;
            if (!key_matches(job->queue_key, claim->who.labels)) continue;
            chosen = claim;
            chosen->state = ParkedClaim::State::reserved;
            break;
        }
    }
    if (!chosen) return;
    auto claimed = lease(tx, *job, *chosen);
    const AttemptId attempt = claimed.attempt;
    {
        std::lock_guard lock(mutex_);
        chosen->jobs.push_back(std::move(claimed));
    }
    tx.after_rollback([this, chosen, attempt] {
        std::lock_guard lock(mutex_);
        std::erase_if(chosen->jobs, [&](const auto& given) { return given.attempt == attempt; });
        if (chosen->jobs.empty() && chosen->state == ParkedClaim::State::reserved)
            chosen->state = ParkedClaim::State::parked;
    });
    tx.after_commit([this, chosen] {
        {
            std::lock_guard lock(mutex_);
            chosen->state = ParkedClaim::State::answered;
            std::erase(parked_, chosen);
        }
        chosen->changed.notify();
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
