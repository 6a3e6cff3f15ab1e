#include "server/core/packs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

using protocol::PackKind;

constexpr Duration k_output_life{30LL * 24 * 3'600'000};

/// When a pack goes; not kept at all when the job does not declare it or its outcome forbids it.
struct Terms {
    bool kept = false;
    std::optional<std::int64_t> expires_at{};
};

Terms terms_of(const protocol::PackRef& pack, const model::JobSpec& spec,
               model::AttemptResult result, Timestamp now) {
    const bool passed = result == model::AttemptResult::passed;
    switch (pack.kind) {
        case PackKind::artifact:
            for (const model::ArtifactSpec& artifact : spec.artifacts)
                if (artifact.name == pack.name)
                    return {true, now.ms + artifact.expire_in.value_or(k_output_life).count()};
            return {};
        case PackKind::output: {
            const auto found = spec.outputs.find(pack.name);
            if (!passed || found == spec.outputs.end() || model::is_value(found->second.type))
                return {};
            return {true, now.ms + k_output_life.count()};
        }
        case PackKind::cache: return {};
    }
    return {};
}

}  // namespace

bool may_refer(store::Tx& tx, AttemptId attempt, const store::Run& run, std::string_view digest) {
    if (!store::blob_size(tx, digest)) return false;
    if (store::blob_is_pinned(tx, attempt, digest)) return true;
    if (!store::scope_has_blob(tx, run.project, run.tier, digest)) return false;
    store::pin_blob(tx, attempt, digest);
    return true;
}

Result<> keep_packs(store::Tx& tx, const store::Attempt& attempt, const store::Run& run,
                    const model::JobSpec& spec, const protocol::FinishRequest& request,
                    model::AttemptResult result, Timestamp now) {
    for (const protocol::PackRef& content : request.packs) {
        const Terms terms = terms_of(content, spec, result, now);
        if (!terms.kept) continue;
        store::Pack pack;
        pack.project = run.project;
        pack.tier = run.tier;
        pack.run = run.id;
        pack.job = attempt.job;
        pack.attempt = attempt.id;
        pack.content = content;
        pack.created_at = now;
        pack.expires_at = terms.expires_at;
        const auto weigh = [&](const protocol::Blob& blob) {
            const auto size = store::blob_size(tx, blob.sha256);
            pack.stored += blob.stored;
            return size && *size == blob.stored &&
                   store::blob_is_pinned(tx, attempt.id, blob.sha256);
        };
        bool all = weigh(content.manifest);
        for (const protocol::Blob& blob : content.blobs) all = weigh(blob) && all;
        if (!all)
            return error(Code::conflict, "blob_missing",
                         fmt::format("{} {} refers to bytes that were not sent",
                                     to_text(content.kind), content.name));
        store::insert_pack(tx, pack);
    }
    store::unpin_blobs(tx, attempt.id);
    return {};
}

}  // namespace sluice::core
