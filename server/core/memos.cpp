#include "server/core/memos.hpp"

#include "pipelines/model/wire.hpp"
#include "server/store/jobs.hpp"
#include "server/store/memos.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

std::string text_of(const protocol::MemoParts& parts) {
    return json::serialize(model::wire::string_map(parts));  // a map: in order of the names
}

std::string run_text(store::Tx& tx, RunId id) {
    const auto run = store::find_run(tx, id);
    return run ? fmt::format("run {}", run->number) : "an earlier run";
}

/// What the job left; nothing when a part of it is gone.
std::optional<protocol::MemoReply> left_by(store::Tx& tx, const store::Memo& memo,
                                           const model::JobSpec& spec, Timestamp now) {
    const auto job = store::find_job(tx, memo.of);
    if (!job) return std::nullopt;
    protocol::MemoReply out;
    out.hit = true;
    out.from = run_text(tx, memo.run);
    auto outputs = json::parse(job->outputs, {.bytes = 16u << 20});
    if (!outputs || !outputs->is_object()) return std::nullopt;
    for (const auto& [name, value] : outputs->as_object())
        if (value.is_string()) out.outputs[std::string(name)] = std::string(value.as_string());
    auto reports = json::parse(job->reports, {.bytes = 16u << 20});
    if (reports)
        if (auto known = model::reports_from_json(*reports, "")) out.reports = std::move(*known);
    out.reports.files.clear();  // those stay with the job that wrote them
    for (store::Pack& pack : store::packs_of(tx, memo.attempt)) {
        if (pack.content.kind == protocol::PackKind::cache) continue;
        if (pack.expires_at && *pack.expires_at <= now.ms) continue;
        out.packs.push_back(std::move(pack.content));
    }
    // A file output that has expired is a result no more.
    for (const auto& [name, output] : spec.outputs) {
        const bool is_there =
            std::any_of(out.packs.begin(), out.packs.end(), [&](const protocol::PackRef& pack) {
                return pack.kind == protocol::PackKind::output && pack.name == name;
            });
        if (!model::is_value(output.type) && !is_there) return std::nullopt;
    }
    return out;
}

}  // namespace

protocol::MemoReply find_memo(store::Tx& tx, AttemptId attempt, const store::Run& run,
                              const model::JobSpec& spec, const protocol::MemoRequest& wanted,
                              Timestamp now) {
    const std::string& job = spec.id;
    const Timestamp since{wanted.max_age ? now.ms - wanted.max_age->count() : 0};
    const std::string parts = text_of(wanted.parts);
    const auto scopes = cache_scopes(tx, run);
    for (const std::string& scope : scopes)
        if (const auto memo = store::find_memo(tx, run.project, scope, job, parts, since))
            if (auto found = left_by(tx, *memo, spec, now)) {
                // Read by the name of the job, so these may be referred to whatever the tier.
                for (const protocol::PackRef& pack : found->packs) {
                    store::pin_blob(tx, attempt, pack.manifest.sha256);
                    for (const protocol::Blob& blob : pack.blobs)
                        store::pin_blob(tx, attempt, blob.sha256);
                }
                return std::move(*found);
            }
    protocol::MemoReply miss;
    for (const std::string& scope : scopes) {
        const auto memo = store::find_memo(tx, run.project, scope, job, "", {0});
        if (!memo) continue;
        miss.from = run_text(tx, memo->run);
        const auto before = json::parse(memo->parts, {.bytes = 1 << 20});
        if (!before || !before->is_object()) return miss;
        protocol::MemoParts then;
        for (const auto& [name, value] : before->as_object())
            then[std::string(name)] = std::string(value.as_string());
        for (const auto& [name, value] : wanted.parts) {
            const auto found = then.find(name);
            if (found == then.end() || found->second != value) miss.differs.push_back(name);
        }
        for (const auto& [name, value] : then)
            if (!wanted.parts.contains(name)) miss.differs.push_back(name);
        if (miss.differs.empty())
            miss.differs.push_back(memo->at.ms < since.ms ? "max_age" : "files that have expired");
        return miss;
    }
    return miss;
}

void keep_memo(store::Tx& tx, const store::Attempt& attempt, const store::Run& run,
               const std::string& job, const protocol::MemoParts& parts, Timestamp now) {
    store::insert_memo(tx, {run.project, cache_scopes(tx, run).front(), job, text_of(parts), run.id,
                            attempt.job, attempt.id, now});
}

}  // namespace sluice::core
