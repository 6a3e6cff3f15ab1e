/// The part of an attempt that asks whether its result is known already: `memoize`
/// (docs/decisions/0017).
#include "agent/runner/attempt.hpp"
#include "agent/runner/source_checkout.hpp"
#include "agent/runner/workspace_files.hpp"
#include "pipelines/base/text.hpp"
#include "platform/sha256.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::agent {

namespace {

std::string digest_of(std::string_view text) {
    crypto::Sha256 digest;
    digest.update(text);
    return digest.finish_hex();
}

/// Names and contents of the files that the globs match; of all without globs.
Result<std::string> files_digest(const files::Path& workspace, bool source,
                                 const std::vector<std::string>& globs) {
    std::vector<std::string> all;
    if (source)
        if (auto tracked = tracked_files(workspace)) all = std::move(*tracked);
    if (all.empty()) all = all_files(workspace);
    std::sort(all.begin(), all.end());
    const text::Globs wanted(globs);
    crypto::Sha256 digest;
    for (const std::string& path : all) {
        if (!globs.empty() && !wanted.match(path)) continue;
        digest.update(path);
        digest.update(std::string_view("\0", 1));
        crypto::Sha256 content;
        auto read = read_inside(workspace, path, [&](std::string_view piece) -> Result<> {
            content.update(piece);
            return {};
        });
        // A link is told by its target.
        std::error_code failed;
        if (!read) content.update(std::filesystem::read_symlink(workspace / path, failed).string());
        digest.update(content.finish_hex());
    }
    return digest.finish_hex();
}

/// What of the spec the result depends on, in parts that people know by their names.
void add_spec(const model::JobSpec& spec, protocol::MemoParts& parts) {
    const json::Value value = model::to_json(spec);
    json::Object rest = value.as_object();
    // Where, when and beside what it runs, what is kept of it, and what stands elsewhere.
    for (const char* name :
         {"id", "base", "name", "runs_on", "resources", "timeout_ms", "queue_timeout_ms", "retry",
          "retry_exit_codes", "backoff", "allow_failure", "replayable", "interruptible",
          "concurrency", "approval", "cache", "thresholds"})
        rest.erase(name);
    if (json::Value* settings = rest.if_contains("settings"))
        if (settings->is_object()) settings->as_object().erase("memoize");
    for (const char* name : {"steps", "env", "params", "image"})
        if (const json::Value* part = rest.if_contains(name)) {
            parts[name] = digest_of(json::serialize(*part));
            rest.erase(name);
        }
    parts["job"] = digest_of(json::serialize(rest));
}

}  // namespace

bool Attempt::reuse() {
    const json::Value* memoize = job_.spec.settings.if_contains("memoize");
    if (memoize == nullptr || !memoize->is_object() || ports_.blobs == nullptr) return false;
    std::vector<std::string> globs;
    protocol::MemoRequest request;
    if (const json::Value* files = memoize->as_object().if_contains("files"))
        if (files->is_array())
            for (const json::Value& glob : files->as_array())
                if (glob.is_string()) globs.emplace_back(glob.as_string());
    if (const json::Value* age = memoize->as_object().if_contains("max_age"))
        if (age->is_int64()) request.max_age = Duration{age->as_int64()};
    add_spec(job_.spec, request.parts);
    auto files = files_digest(folder_.workspace(), job_.source, globs);
    if (!files) {
        note("memoize: " + files.error().message);
        return false;
    }
    request.parts["files"] = std::move(*files);
    // The image as it is, not as it is called.
    if (executor_)
        for (const auto& [name, value] : executor_->facts())
            if (name == "image_digest") request.parts["image"] = digest_of(value);
    for (const auto& [name, digest] : report_.input_digests)
        request.parts["inputs." + name] = digest;
    auto reply = ports_.blobs->memo(request);
    if (!reply) {
        note("memoize: " + reply.error().message);
        return false;
    }
    if (!reply->hit) {
        std::string why;
        for (const std::string& part : reply->differs)
            why += (why.empty() ? "" : ", ") + std::string("`") + part + "`";
        note(reply->from.empty()
                 ? "memoize: no earlier result of this job"
                 : fmt::format("memoize: runs, because {} changed since {}", why, reply->from));
        report_.memo = std::move(request.parts);
        return false;
    }
    reused_from_ = reply->from;
    note(fmt::format("memoize: nothing that it depends on changed since {}: its result is reused",
                     reply->from));
    report_.outputs = std::move(reply->outputs);
    report_.packs = std::move(reply->packs);
    report_.reports = std::move(reply->reports);
    return true;
}

}  // namespace sluice::agent
