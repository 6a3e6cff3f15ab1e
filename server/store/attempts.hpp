#pragma once
/// Attempts: leases of jobs to runners. The epoch is the fence (rules 7-12).
/// Free functions over a transaction: they persist and decide nothing; times and ids are passed in.
/// Changes run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/job_state.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct Attempt {
    AttemptId id;
    JobId job;
    RunId run;
    AgentId agent;
    std::int64_t epoch = 0;
    model::AttemptState state = model::AttemptState::leased;
    std::string token_hash, session;
    std::int64_t claim_seq = 0;
    std::string runner_instance;
    ServiceTime deadline;
    bool cancel_requested = false;
    bool replayable = true;
    std::int64_t timeout_ms = 0;
    std::string outcome, finish_digest;
    std::int64_t log_size = 0, log_crc32c = 0;
    Timestamp created_at;
    std::optional<std::int64_t> started_at, finished_at;
};
AttemptId insert_attempt(Tx& tx, const Attempt& attempt);
std::optional<Attempt> find_attempt(Tx& tx, AttemptId id);
std::optional<Attempt> find_attempt_by_epoch(Tx& tx, JobId job, std::int64_t epoch);
std::vector<Attempt> live_attempts(Tx& tx);
std::vector<Attempt> live_attempts_of(Tx& tx, AgentId agent);
/// leased → running by the first runner instance; false when it is not leased.
bool start_attempt(Tx& tx, AttemptId id, std::string_view runner_instance, Timestamp at);
bool change_attempt(Tx& tx, AttemptId id, model::AttemptState from, model::AttemptState to,
                    Timestamp at);
void finish_attempt(Tx& tx, AttemptId id, std::string_view outcome, std::string_view digest,
                    std::int64_t log_size, std::int64_t log_crc32c, Timestamp at);
void request_attempt_cancel(Tx& tx, AttemptId id);
void set_deadline(Tx& tx, AttemptId id, ServiceTime deadline);

}  // namespace sluice::store
