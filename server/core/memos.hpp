#pragma once
/// Jobs that need not run because one that depended on the same has passed (docs/decisions/0017).
/// All functions run in writer closures.

#include "pipelines/protocol/memo.hpp"
#include "server/core/packs.hpp"

namespace sluice::core {

/// Looks for a passed job of that id with equal parts in the scopes that the run may read (as of
/// caches). On a hit its blobs are pinned to the attempt. A miss names the parts that differ from
/// the newest memo of the job.
protocol::MemoReply find_memo(store::Tx& tx, AttemptId attempt, const store::Run& run,
                              const model::JobSpec& spec, const protocol::MemoRequest& wanted,
                              Timestamp now);

/// Of a job that has passed by running.
void keep_memo(store::Tx& tx, const store::Attempt& attempt, const store::Run& run,
               const std::string& job, const protocol::MemoParts& parts, Timestamp now);

}  // namespace sluice::core
