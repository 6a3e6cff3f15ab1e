#include "server/store/packs.hpp"

namespace sluice::store {

namespace {

using S = std::string;
using I = std::int64_t;

constexpr const char* k_columns =
    "SELECT id, project_id, tier, scope, run_id, job_id, attempt_id, content, lineage, stored, "
    "created_at, expires_at FROM packs ";

using Row = std::tuple<I, I, S, S, I, I, I, S, S, I, I, std::optional<I>>;

Pack to_pack(Row& row) {
    auto& [id, project, tier, scope, run, job, attempt, content, lineage, stored, created,
           expires] = row;
    const json::Value value = json::parse(content, {.bytes = 64u << 20, .depth = 8}).value();
    return {id,
            {project},
            parse_enum<model::Tier>(tier).value_or(model::Tier::t0),
            std::move(scope),
            {run},
            {job},
            {attempt},
            protocol::pack_from_json(value, "").value(),
            std::move(lineage),
            stored,
            {created},
            expires};
}

template <class... Args>
std::vector<Pack> packs(Tx& tx, const S& where, const Args&... args) {
    std::vector<Pack> out;
    for (auto& row :
         tx.all<I, I, S, S, I, I, I, S, S, I, I, std::optional<I>>(S(k_columns) + where, args...))
        out.push_back(to_pack(row));
    return out;
}

std::optional<Pack> first(std::vector<Pack> found) {
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void remove_pack(Tx& tx, I id) {
    tx.exec("DELETE FROM pack_blobs WHERE pack_id = :a", id);
    tx.exec("DELETE FROM packs WHERE id = :a", id);
}

}  // namespace

void insert_blob(Tx& tx, std::string_view digest, std::int64_t stored, Timestamp at) {
    tx.exec(
        "INSERT INTO blobs(digest, stored, created_at) VALUES (:a, :b, :c) ON CONFLICT (digest) DO "
        "NOTHING",
        digest, stored, at);
}

std::optional<std::int64_t> blob_size(Tx& tx, std::string_view digest) {
    auto row = tx.one<I>("SELECT stored FROM blobs WHERE digest = :a", digest);
    if (!row) return std::nullopt;
    return std::get<0>(*row);
}

void pin_blob(Tx& tx, AttemptId attempt, std::string_view digest) {
    tx.exec(
        "INSERT INTO blob_pins(attempt_id, digest) VALUES (:a, :b) ON CONFLICT (attempt_id, "
        "digest) DO NOTHING",
        attempt, digest);
}

bool blob_is_pinned(Tx& tx, AttemptId attempt, std::string_view digest) {
    return tx
        .one<I>("SELECT 1 FROM blob_pins WHERE attempt_id = :a AND digest = :b", attempt, digest)
        .has_value();
}

bool scope_has_blob(Tx& tx, ProjectId project, model::Tier tier, std::string_view digest) {
    return tx
        .one<I>(
            "SELECT 1 FROM pack_blobs b JOIN packs p ON p.id = b.pack_id WHERE b.digest = :a AND "
            "p.project_id = :b AND p.tier = :c LIMIT 1",
            digest, project, to_text(tier))
        .has_value();
}

void unpin_blobs(Tx& tx, AttemptId attempt) {
    tx.exec("DELETE FROM blob_pins WHERE attempt_id = :a", attempt);
}

void unpin_ended(Tx& tx, Timestamp lost_before) {
    tx.exec(
        "DELETE FROM blob_pins WHERE attempt_id IN (SELECT p.attempt_id FROM blob_pins p LEFT JOIN "
        "attempts a ON a.id = p.attempt_id WHERE a.id IS NULL OR a.state IN ('finished', "
        "'preempted') OR (a.state = 'lost' AND coalesce(a.finished_at, 0) < :a))",
        lost_before);
}

void insert_pack(Tx& tx, const Pack& pack) {
    auto row = tx.one<I>(
        "INSERT INTO packs(project_id, tier, kind, name, scope, run_id, job_id, attempt_id, "
        "content, lineage, stored, created_at, used_at, expires_at) VALUES (:a, :b, :c, :d, :e, "
        ":f, :g, :h, :i, :j, :k, :l, :m, :n) ON CONFLICT (attempt_id, kind, name) DO NOTHING "
        "RETURNING id",
        pack.project, to_text(pack.tier), to_text(pack.content.kind), pack.content.name, pack.scope,
        pack.run, pack.job, pack.attempt, json::serialize(protocol::to_json(pack.content)),
        pack.lineage, pack.stored, pack.created_at, pack.created_at, pack.expires_at);
    if (!row) return;
    const auto refer = [&](const protocol::Blob& blob) {
        tx.exec(
            "INSERT INTO pack_blobs(pack_id, digest) VALUES (:a, :b) ON CONFLICT (pack_id, digest) "
            "DO NOTHING",
            std::get<0>(*row), blob.sha256);
    };
    refer(pack.content.manifest);
    for (const protocol::Blob& blob : pack.content.blobs) refer(blob);
}

std::vector<Pack> packs_of(Tx& tx, AttemptId attempt) {
    return packs(tx, "WHERE attempt_id = :a ORDER BY kind, name", attempt);
}

std::optional<Pack> find_pack(Tx& tx, AttemptId attempt, protocol::PackKind kind,
                              std::string_view name) {
    return first(packs(tx, "WHERE attempt_id = :a AND kind = :b AND name = :c", attempt,
                       to_text(kind), name));
}

std::optional<Pack> find_pack(Tx& tx, std::int64_t id) {
    return first(packs(tx, "WHERE id = :a", id));
}

std::int64_t expire_packs(Tx& tx, Timestamp now, std::int64_t limit) {
    const auto ids = tx.all<I>(
        "SELECT id FROM packs WHERE expires_at IS NOT NULL AND expires_at <= :a ORDER BY "
        "expires_at LIMIT :b",
        now, limit);
    for (const auto& [id] : ids) remove_pack(tx, id);
    return static_cast<I>(ids.size());
}

std::optional<Pack> find_cache(Tx& tx, ProjectId project, std::string_view scope,
                               std::string_view key) {
    return first(packs(tx,
                       "WHERE kind = 'cache' AND project_id = :a AND scope = :b AND name = :c "
                       "ORDER BY id DESC LIMIT 1",
                       project, scope, key));
}

std::optional<std::pair<I, I>> find_cache_id(Tx& tx, ProjectId project, std::string_view scope,
                                             std::string_view key) {
    const auto row = tx.one<I, I>(
        "SELECT id, stored FROM packs WHERE kind = 'cache' AND project_id = :a AND scope = :b AND "
        "name = :c ORDER BY id DESC LIMIT 1",
        project, scope, key);
    if (!row) return std::nullopt;
    return std::pair(std::get<0>(*row), std::get<1>(*row));
}

std::optional<Pack> find_cache_prefix(Tx& tx, ProjectId project, std::string_view scope,
                                      std::string_view prefix) {
    return first(packs(tx,
                       "WHERE kind = 'cache' AND project_id = :a AND scope = :b AND substr(name, "
                       "1, length(:c)) = :d ORDER BY id DESC LIMIT 1",
                       project, scope, prefix, prefix));
}

void touch_pack(Tx& tx, std::int64_t id, Timestamp now) {
    tx.exec("UPDATE packs SET used_at = :a WHERE id = :b", now, id);
}

std::int64_t trim_caches(Tx& tx, ProjectId project, std::int64_t most) {
    I left = 0, removed = 0;
    for (const auto& [id, stored] : tx.all<I, I>(
             "SELECT id, stored FROM packs WHERE kind = 'cache' AND project_id = :a ORDER BY "
             "used_at DESC, id DESC",
             project)) {
        if ((left += stored) <= most) continue;
        left -= stored;
        remove_pack(tx, id);
        ++removed;
    }
    return removed;
}

std::vector<ProjectId> projects_with_caches(Tx& tx) {
    std::vector<ProjectId> out;
    for (const auto& [id] : tx.all<I>("SELECT DISTINCT project_id FROM packs WHERE kind = 'cache'"))
        out.push_back({id});
    return out;
}

std::vector<std::string> loose_blobs(Tx& tx, std::int64_t limit) {
    std::vector<std::string> out;
    for (auto& [digest] : tx.all<S>(
             "SELECT digest FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM pack_blobs p WHERE "
             "p.digest = b.digest) AND NOT EXISTS (SELECT 1 FROM blob_pins p WHERE p.digest = "
             "b.digest) LIMIT :a",
             limit))
        out.push_back(std::move(digest));
    return out;
}

bool remove_blob(Tx& tx, std::string_view digest) {
    return tx.exec(
               "DELETE FROM blobs WHERE digest = :a AND NOT EXISTS (SELECT 1 FROM pack_blobs p "
               "WHERE p.digest = blobs.digest) AND NOT EXISTS (SELECT 1 FROM blob_pins p WHERE "
               "p.digest = blobs.digest)",
               digest) > 0;
}

bool has_blobs(Tx& tx) {
    return tx.one<I>("SELECT 1 FROM blobs LIMIT 1").has_value();
}

void doubt_blob(Tx& tx, std::string_view digest, std::optional<AttemptId> mover) {
    std::optional<I> attempt;
    if (mover) attempt = mover->value;
    tx.exec(
        "INSERT INTO blob_doubts(digest, attempt_id) VALUES (:a, :b) ON CONFLICT (digest) DO "
        "UPDATE SET attempt_id = excluded.attempt_id",
        digest, attempt);
}

void settle_blob(Tx& tx, std::string_view digest) {
    tx.exec("DELETE FROM blob_doubts WHERE digest = :a", digest);
}

std::vector<std::string> doubtful_blobs(Tx& tx, Timestamp lost_before, std::int64_t limit) {
    std::vector<std::string> out;
    for (auto& [digest] : tx.all<S>(
             "SELECT d.digest FROM blob_doubts d LEFT JOIN attempts a ON a.id = d.attempt_id WHERE "
             "a.id IS NULL OR a.state IN ('finished', 'preempted') OR (a.state = 'lost' AND "
             "coalesce(a.finished_at, 0) < :a) LIMIT :b",
             lost_before, limit))
        out.push_back(std::move(digest));
    return out;
}

}  // namespace sluice::store
