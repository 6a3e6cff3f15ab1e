#pragma once
/// Blobs and the packs that refer to them (docs/decisions/0016, engine rule 24).
/// Free functions over a transaction: they persist and decide nothing; times are passed in. Changes
/// run on the writer thread, reads there or on the db pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/model/trust.hpp"
#include "pipelines/protocol/packs.hpp"
#include "server/store/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::store {

void insert_blob(Tx& tx, std::string_view digest, std::int64_t stored, Timestamp at);
std::optional<std::int64_t> blob_size(Tx& tx, std::string_view digest);
void pin_blob(Tx& tx, AttemptId attempt, std::string_view digest);
bool blob_is_pinned(Tx& tx, AttemptId attempt, std::string_view digest);
/// A pack of that project and tier refers to it.
bool scope_has_blob(Tx& tx, ProjectId project, model::Tier tier, std::string_view digest);
void unpin_blobs(Tx& tx, AttemptId attempt);
/// Of attempts that have ended, of lost ones since `lost_before`.
void unpin_ended(Tx& tx, Timestamp lost_before);

struct Pack {
    std::int64_t id = 0;
    ProjectId project;
    model::Tier tier = model::Tier::t0;
    std::string scope;
    RunId run;
    JobId job;
    AttemptId attempt;
    protocol::PackRef content;
    std::string lineage;  ///< JSON; "" = nobody asked for it
    std::int64_t stored = 0;
    Timestamp created_at;
    std::optional<std::int64_t> expires_at;
};
/// With references to its blobs. One that the attempt has under that name already stays.
void insert_pack(Tx& tx, const Pack& pack);
/// By name.
std::vector<Pack> packs_of(Tx& tx, AttemptId attempt);
std::optional<Pack> find_pack(Tx& tx, AttemptId attempt, protocol::PackKind kind,
                              std::string_view name);
std::optional<Pack> find_pack(Tx& tx, std::int64_t id);
/// Removes packs that have expired; how many.
std::int64_t expire_packs(Tx& tx, Timestamp now, std::int64_t limit);

/// Of the scope: the cache with that key.
std::optional<Pack> find_cache(Tx& tx, ProjectId project, std::string_view scope,
                               std::string_view key);
/// The same without its content: its id and stored bytes.
std::optional<std::pair<std::int64_t, std::int64_t>> find_cache_id(Tx& tx, ProjectId project,
                                                                   std::string_view scope,
                                                                   std::string_view key);
/// The newest whose key begins so.
std::optional<Pack> find_cache_prefix(Tx& tx, ProjectId project, std::string_view scope,
                                      std::string_view prefix);
void touch_pack(Tx& tx, std::int64_t id, Timestamp now);
/// Removes caches that were not used for longest until the rest of the project's has at most `most`
/// stored bytes; how many.
std::int64_t trim_caches(Tx& tx, ProjectId project, std::int64_t most);
std::vector<ProjectId> projects_with_caches(Tx& tx);

/// Blobs that nothing refers to.
std::vector<std::string> loose_blobs(Tx& tx, std::int64_t limit);
/// False when something refers to it again.
bool remove_blob(Tx& tx, std::string_view digest);
bool has_blobs(Tx& tx);

/// An object store may have something under this digest that no row tells of: the attempt moves it
/// there, or (without) it is being removed (docs/decisions/0029).
void doubt_blob(Tx& tx, std::string_view digest, std::optional<AttemptId> mover);
void settle_blob(Tx& tx, std::string_view digest);
/// Those that nobody moves any more; of attempts that were lost, only since `lost_before`.
std::vector<std::string> doubtful_blobs(Tx& tx, Timestamp lost_before, std::int64_t limit);

}  // namespace sluice::store
