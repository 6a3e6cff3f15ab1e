#include "server/store/attempts.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;
using OI = std::optional<std::int64_t>;

constexpr const char* k_columns =
    "SELECT id, job_id, run_id, agent_id, epoch, state, token_hash, session, claim_seq, "
    "runner_instance, deadline, "
    "cancel_requested, replayable, timeout_ms, outcome, finish_digest, log_size, log_crc32c, "
    "created_at, started_at, finished_at "
    "FROM attempts ";

template <class... Args>
std::vector<Attempt> select(Tx& tx, std::string_view where, const Args&... args) {
    std::vector<Attempt> out;
    for (auto& row : tx.all<I, I, I, I, I, S, S, S, I, S, I, bool, bool, I, S, S, I, I, I, OI, OI>(
             k_columns + std::string(where), args...)) {
        auto& [id, job, run, agent, epoch, state, token, session, seq, instance, deadline, cancel,
               replayable, timeout, outcome, digest, size, crc, created, started, finished] = row;
        out.push_back(Attempt{{id},
                              {job},
                              {run},
                              {agent},
                              epoch,
                              parse_enum<model::AttemptState>(state).value(),
                              std::move(token),
                              std::move(session),
                              seq,
                              std::move(instance),
                              {deadline},
                              cancel,
                              replayable,
                              timeout,
                              std::move(outcome),
                              std::move(digest),
                              size,
                              crc,
                              {created},
                              started,
                              finished});
    }
    return out;
}

template <class... Args>
std::optional<Attempt> select_one(Tx& tx, std::string_view where, const Args&... args) {
    auto rows = select(tx, where, args...);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

}  // namespace

AttemptId insert_attempt(Tx& tx, const Attempt& a) {
    auto row = tx.one<I>(
        "INSERT INTO attempts(job_id, run_id, agent_id, epoch, state, token_hash, session, "
        "claim_seq, deadline, replayable, "
        "timeout_ms, created_at) VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k, :l) RETURNING "
        "id",
        a.job, a.run, a.agent, a.epoch, to_text(a.state), a.token_hash, a.session, a.claim_seq,
        a.deadline, a.replayable, a.timeout_ms, a.created_at);
    return {std::get<0>(*row)};
}

std::optional<Attempt> find_attempt(Tx& tx, AttemptId id) {
    return select_one(tx, "WHERE id = :a", id);
}

std::optional<Attempt> find_attempt_by_epoch(Tx& tx, JobId job, std::int64_t epoch) {
    return select_one(tx, "WHERE job_id = :a AND epoch = :b", job, epoch);
}

std::vector<Attempt> live_attempts(Tx& tx) {
    return select(tx, "WHERE state IN ('leased', 'running', 'unreachable')");
}

std::vector<Attempt> live_attempts_of(Tx& tx, AgentId agent) {
    return select(tx, "WHERE agent_id = :a AND state IN ('leased', 'running', 'unreachable')",
                  agent);
}

bool start_attempt(Tx& tx, AttemptId id, std::string_view runner_instance, Timestamp at) {
    return tx.exec(
               "UPDATE attempts SET state = 'running', runner_instance = :a, started_at = :b WHERE "
               "id = :c AND state = 'leased'",
               runner_instance, at, id) == 1;
}

bool change_attempt(Tx& tx, AttemptId id, model::AttemptState from, model::AttemptState to,
                    Timestamp at) {
    const bool ended = to == model::AttemptState::finished || to == model::AttemptState::lost ||
                       to == model::AttemptState::preempted;
    return tx.exec("UPDATE attempts SET state = :a, finished_at = :b WHERE id = :c AND state = :d",
                   to_text(to), ended ? OI{at.ms} : OI{}, id, to_text(from)) == 1;
}

void finish_attempt(Tx& tx, AttemptId id, std::string_view outcome, std::string_view digest,
                    std::int64_t log_size, std::int64_t log_crc32c, Timestamp at) {
    tx.exec(
        "UPDATE attempts SET state = 'finished', outcome = :a, finish_digest = :b, log_size = :c, "
        "log_crc32c = :d, finished_at = :e "
        "WHERE id = :f",
        outcome, digest, log_size, log_crc32c, at, id);
}

void request_attempt_cancel(Tx& tx, AttemptId id) {
    tx.exec("UPDATE attempts SET cancel_requested = 1 WHERE id = :a", id);
}

void set_deadline(Tx& tx, AttemptId id, ServiceTime deadline) {
    tx.exec(
        "UPDATE attempts SET deadline = :a WHERE id = :b AND state IN ('leased', 'running', "
        "'unreachable')",
        deadline, id);
}

}  // namespace sluice::store
