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
};
void insert_approval(Tx& tx, const ApprovalRow& row);
std::optional<ApprovalRow> find_approval(Tx& tx, JobId job);
void decide_approval(Tx& tx, JobId job, std::string_view decision, std::string_view by,
                     std::string_view reason, Timestamp at);
/// Open ones whose time is over.
std::vector<JobId> expired_approvals(Tx& tx, Timestamp now);
/// When the next open one expires.
std::optional<Timestamp> next_approval_expiry(Tx& tx);

}  // namespace sluice::store
