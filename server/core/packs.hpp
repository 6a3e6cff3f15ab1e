#pragma once
/// Who may send, keep and read packs (docs/decisions/0016, engine rule 24): a blob is visible to
/// the scope (project, tier) that refers to it, or to the attempt that sent it; files are read by
/// the name of their pack, never by digest alone. All functions run in writer closures or reads.

#include "pipelines/model/outcome.hpp"
#include "pipelines/protocol/agent.hpp"
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

}  // namespace sluice::core
