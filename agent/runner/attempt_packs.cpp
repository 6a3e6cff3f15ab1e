/// The part of an attempt that keeps files: artifacts, outputs, caches.
#include "agent/runner/attempt.hpp"
#include "agent/runner/workspace_files.hpp"
#include "pipelines/base/text.hpp"
#include "platform/packs/pack_writer.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::agent {

namespace {

/// A path without a glob stands for what is below it, too.
bool names(const std::string& pattern, const std::string& path) {
    std::string_view folder = pattern;
    if (folder.starts_with("./")) folder.remove_prefix(2);
    while (folder.ends_with('/')) folder.remove_suffix(1);
    if (folder == "." || folder.empty()) return true;
    return path == folder ||
           (path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/');
}

/// What of `paths` the globs and names of `wanted` match.
std::vector<std::string> chosen(const std::vector<std::string>& paths,
                                const std::vector<std::string>& wanted) {
    const text::Globs globs(wanted);
    std::vector<std::string> plain;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(plain),
                 [](const std::string& path) { return !is_pattern(path); });
    const bool removes = std::any_of(wanted.begin(), wanted.end(),
                                     [](const std::string& path) { return path.starts_with('!'); });
    std::vector<std::string> out;
    for (const std::string& path : paths) {
        const bool named = std::any_of(plain.begin(), plain.end(), [&](const std::string& pattern) {
            return names(pattern, path);
        });
        if (globs.match(path) || (named && !removes)) out.push_back(path);
    }
    return out;
}

bool wants(model::UploadWhen when, model::AttemptResult result) {
    switch (when) {
        case model::UploadWhen::success: return result == model::AttemptResult::passed;
        case model::UploadWhen::failure:
            return result == model::AttemptResult::failed ||
                   result == model::AttemptResult::errored;
        case model::UploadWhen::always: return true;
    }
    return false;
}

}  // namespace

std::string size_text(std::int64_t bytes) {
    if (bytes < 1000) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes);
    const char* const units[] = {"kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    for (value /= 1000; value >= 1000 && unit < 3; ++unit) value /= 1000;
    return fmt::format("{:.1f} {}", value, units[unit]);
}

Result<protocol::PackRef> Attempt::send_pack(protocol::PackKind kind, const std::string& name,
                                             const files::Path& root,
                                             std::vector<std::string> paths) {
    packs::WriteOptions options;
    options.root = root;
    options.scratch = folder_.path / "pack";
    options.take = [this](const protocol::Blob& blob, const files::Path& file) {
        return ports_.blobs->put(blob, file);
    };
    options.stopped = [this] {
        io_.poll();
        return stop_ == Stop::lost;
    };
    auto written = packs::write_pack(std::move(paths), options);
    if (!written) return written.error();
    protocol::PackRef out;
    out.kind = kind;
    out.name = name;
    out.manifest = written->manifest;
    out.files = written->head.files;
    out.bytes = written->head.bytes;
    out.blobs = std::move(written->head.blobs);
    return out;
}

void Attempt::keep_failed(const std::string& what, const Error& refusal) {
    note(what + ": " + refusal.message);
    model::Outcome& outcome = report_.outcome;
    if (outcome.result != model::AttemptResult::passed) return;
    outcome = {model::AttemptResult::errored, std::nullopt, std::nullopt, model::Cause::setup,
               what + ": " + refusal.message};
}

void Attempt::take_packs() {
    if (ports_.blobs == nullptr || stop_ == Stop::lost) return;
    take_artifacts();
}

void Attempt::take_artifacts() {
    const model::AttemptResult result = report_.outcome.result;
    std::optional<std::vector<std::string>> all;
    for (const model::ArtifactSpec& artifact : job_.spec.artifacts) {
        if (!wants(artifact.when, result)) continue;
        const std::string what = fmt::format("artifact {}", artifact.name);
        if (!all) {
            auto listed = packs::list_tree(folder_.workspace(), true);
            if (!listed) return keep_failed(what, listed.error());
            all = std::move(*listed);
        }
        std::vector<std::string> paths = chosen(*all, artifact.paths);
        if (paths.empty()) {
            note(what + ": no file matches, nothing is kept");
            continue;
        }
        auto sent = send_pack(protocol::PackKind::artifact, artifact.name, folder_.workspace(),
                              std::move(paths));
        if (!sent) {
            keep_failed(what, sent.error());
            continue;
        }
        note(fmt::format("{}: {} files, {}", what, sent->files, size_text(sent->bytes)));
        report_.packs.push_back(std::move(*sent));
    }
}

}  // namespace sluice::agent
