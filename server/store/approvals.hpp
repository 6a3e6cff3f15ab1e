#pragma once
/// Approvals that jobs ask for, and what people decided.
/// Free functions over a transaction, as in jobs.hpp.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::store {

struct ApprovalRow {
    JobId job;
    Timestamp expires_at;
    std::string spec_hash;  ///< of the spec that is approved
    std::string decision;   ///< "" = open; approved, rejected, expired
    std::string decided_by, reason;
    std::optional<std::int64_t> decided_at;
    std::optional<std::int64_t> not_before;  ///< wall clock: it goes no sooner, whoever agreed
    std::int64_t outdated_by = 0;  ///< number of the newer run that people were told of; 0 = none
};
void insert_approval(Tx& tx, const ApprovalRow& row);
std::optional<ApprovalRow> find_approval(Tx& tx, JobId job);
void decide_approval(Tx& tx, JobId job, std::string_view decision, std::string_view by,
                     std::string_view reason, Timestamp at);
/// People were told that a newer run has deployed; what they had said before is void.
void set_outdated(Tx& tx, JobId job, std::int64_t run_number);
/// Open ones whose time is over.
std::vector<JobId> expired_approvals(Tx& tx, Timestamp now);
/// Open ones that may go now as far as time is concerned; each once, it has waited then.
std::vector<JobId> take_waited_approvals(Tx& tx, Timestamp now);
/// When the next open one expires, or has waited.
std::optional<Timestamp> next_approval_time(Tx& tx);

/// Who agreed to a job that is still held.
struct Vote {
    std::string person, role;
};
/// False when that person has agreed before.
bool insert_vote(Tx& tx, JobId job, const Vote& vote);
std::vector<Vote> votes_of(Tx& tx, JobId job);

}  // namespace sluice::store
