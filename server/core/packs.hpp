#pragma once
/// Who may send, keep and read packs (docs/decisions/0016, engine rule 24): a blob is visible to
/// the scope (project, tier) that refers to it, or to the attempt that sent it; files are read by
/// the name of their pack, never by digest alone. All functions run in writer closures or reads.

#include "pipelines/model/outcome.hpp"
#include "pipelines/protocol/agent.hpp"
#include "server/core/lifecycle.hpp"
#include "server/store/attempts.hpp"
#include "server/store/packs.hpp"
#include "server/store/runs.hpp"

namespace sluice::core {

/// True when the attempt need not send the blob: it has, or its scope refers to it. Pins it then.
bool may_refer(store::Tx& tx, AttemptId attempt, const store::Run& run, std::string_view digest);

/// Keeps what the attempt leaves, in the transaction that ends it. Refused with `blob_missing`
/// (conflict) when a pack refers to bytes that this attempt may not refer to; packs that the job
/// does not declare are dropped, outputs and caches of a job that did not pass, too.
Result<> keep_packs(store::Tx& tx, const store::Attempt& attempt, const store::Run& run,
                    const model::JobSpec& spec, const protocol::FinishRequest& request,
                    model::AttemptResult result, Timestamp now);

/// Whose caches a run may see (S22): its own first, where its own are kept, then those of the
/// protected branches that it goes to.
std::vector<std::string> cache_scopes(store::Tx& tx, const store::Run& run);
/// The cache with that key, else the newest by the first prefix that has one; `pack` 0 = none. What
/// is found counts as used.
protocol::CacheReply find_cache(store::Tx& tx, const store::Run& run,
                                const protocol::CacheRequest& wanted, Timestamp now);
/// Nothing when the run may not read it.
std::optional<store::Pack> readable_cache(store::Tx& tx, const store::Run& run, std::int64_t id);

/// The packs that an input of a job stands for. `input_missing` (not_found) with a reason for
/// people when there are none, or not any more.
Result<protocol::InputReply> resolve_input(store::Tx& tx, Lifecycle& lifecycle, RunId run,
                                           JobId job, const std::string& name, Timestamp now);

}  // namespace sluice::core
