/// The part of an attempt that keeps files: artifacts, outputs, caches.
#include "agent/runner/attempt.hpp"
#include "agent/runner/workspace_files.hpp"
#include "pipelines/base/text.hpp"
#include "platform/packs/pack_writer.hpp"

#include <fmt/format.h>

#include <sys/utsname.h>

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

std::vector<std::string> chosen_paths(const std::vector<std::string>& paths,
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

std::string amount_text(std::int64_t files, std::int64_t bytes) {
    const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1000 && unit < 4; ++unit) value /= 1000;
    return fmt::format("{} {}, {:.{}f} {}", files, files == 1 ? "file" : "files", value,
                       unit == 0 ? 0 : 1, units[unit]);
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
    take_environment();
    take_outputs();
    take_artifacts();
    save_caches();
}

void Attempt::take_environment() {
    const bool asks =
        std::any_of(job_.spec.outputs.begin(), job_.spec.outputs.end(), [](const auto& output) {
            return output.second.type == model::OutputType::model ||
                   output.second.type == model::OutputType::dataset;
        });
    if (!asks) return;
    struct utsname system {};
    if (::uname(&system) == 0)
        report_.environment["os"] =
            fmt::format("{} {} {}", system.sysname, system.release, system.machine);
    if (executor_)
        for (auto& [name, value] : executor_->facts()) report_.environment[name] = value;
    // A kind that knows more has left it there.
    constexpr std::size_t k_packages_max = 48 << 10;
    if (auto packages = text_inside(folder_.workspace(), ".sluice/environment.txt", k_packages_max))
        report_.environment["packages"] = text::sanitize_utf8(*packages, k_packages_max);
}

void Attempt::take_outputs() {
    model::Outcome& outcome = report_.outcome;
    for (const auto& [name, output] : job_.spec.outputs) {
        if (model::is_value(output.type) || outcome.result != model::AttemptResult::passed)
            continue;
        const std::string what = fmt::format("output {}", name);
        const std::string relative = output.path.empty() ? ".sluice/outputs/" + name : output.path;
        auto inside = path_inside(folder_.workspace(), relative);
        if (!inside) return keep_failed(what, inside.error());
        const files::Path at = std::move(*inside);
        std::error_code failed;
        const auto type = std::filesystem::symlink_status(at, failed).type();
        const bool is_dir = type == std::filesystem::file_type::directory;
        const bool fits = is_dir ? output.type != model::OutputType::file
                                 : type == std::filesystem::file_type::regular &&
                                       output.type != model::OutputType::dir;
        if (!fits) {
            const char* why = type == std::filesystem::file_type::not_found ? "was not written"
                              : is_dir ? "is a folder, and its type is file"
                              : output.type == model::OutputType::dir ? "is no folder"
                                                                      : "is no regular file";
            outcome = {model::AttemptResult::failed, std::nullopt, std::nullopt,
                       model::Cause::config, fmt::format("{}: {} {}", what, relative, why)};
            note(outcome.message);
            return;
        }
        // In the place that is kept for a shell, the image's entry point may still run.
        const auto root = HeldFolder::open(
            folder_.workspace(),
            (is_dir ? at : at.parent_path()).lexically_relative(folder_.workspace()).string());
        if (!root) return keep_failed(what, root.error());
        std::vector<std::string> paths{at.filename().string()};
        if (is_dir) {
            auto listed = packs::list_tree(root->path(), false);
            if (!listed) return keep_failed(what, listed.error());
            paths = std::move(*listed);
        }
        auto sent = send_pack(protocol::PackKind::output, name, root->path(), std::move(paths));
        if (!sent) return keep_failed(what, sent.error());
        sent->single = !is_dir;
        note(what + ": " + amount_text(sent->files, sent->bytes));
        report_.outputs[name] = "sha256:" + sent->manifest.sha256;
        report_.packs.push_back(std::move(*sent));
    }
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
        std::vector<std::string> paths = chosen_paths(*all, artifact.paths);
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
        note(what + ": " + amount_text(sent->files, sent->bytes));
        report_.packs.push_back(std::move(*sent));
    }
}

}  // namespace sluice::agent
