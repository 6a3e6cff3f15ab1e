/// The part of an attempt that keeps files between runs: `cache`. A cache is a convenience: what
/// goes wrong with it is told and never ends the job.
#include "agent/runner/attempt.hpp"
#include "platform/packs/pack_reader.hpp"
#include "platform/packs/pack_writer.hpp"

#include <fmt/format.h>

namespace sluice::agent {

void Attempt::restore_caches() {
    if (ports_.blobs == nullptr) return;
    for (const model::CacheSpec& cache : job_.spec.cache) {
        io_.poll();
        if (stop_ != Stop::none) return;
        const std::string what = fmt::format("cache {}", cache.key);
        auto found = ports_.blobs->cache({cache.key, cache.restore});
        if (!found) {
            note(what + ": " + found.error().message);
            continue;
        }
        if (found->pack == 0) {
            note(what + ": nothing was kept under this key");
            continue;
        }
        packs::UnpackOptions options;
        options.to = folder_.workspace();
        options.scratch = folder_.path / "pack";
        options.blobs = found->content.blobs;
        options.fetch = [&](const protocol::Blob& blob, const files::Path& file) {
            return ports_.blobs->fetch_cache(*found, blob, file);
        };
        options.stopped = [this] {
            io_.poll();
            return stop_ != Stop::none;
        };
        options.replace = true;
        auto done = packs::unpack(found->content.manifest, options);
        if (!done) {
            note(what + ": not restored: " + done.error().message);
            continue;
        }
        if (found->exact) exact_caches_.insert(cache.key);
        note(fmt::format("{}: restored {} of {}", what, amount_text(done->files, done->bytes),
                         found->exact ? found->from : found->key + ", " + found->from));
    }
}

void Attempt::save_caches() {
    const bool passed = report_.outcome.result == model::AttemptResult::passed;
    for (const model::CacheSpec& cache : job_.spec.cache) {
        const bool wanted = cache.save == model::SaveWhen::always ||
                            (cache.save == model::SaveWhen::success && passed);
        // What a key names does not change: who wants other content names another key.
        if (!wanted || exact_caches_.contains(cache.key)) continue;
        const std::string what = fmt::format("cache {}", cache.key);
        auto all = packs::list_tree(folder_.workspace(), true);
        if (!all) {
            note(what + ": " + all.error().message);
            continue;
        }
        std::vector<std::string> paths = chosen_paths(*all, cache.paths);
        if (paths.empty()) {
            note(what + ": no file matches, nothing is kept");
            continue;
        }
        auto sent =
            send_pack(protocol::PackKind::cache, cache.key, folder_.workspace(), std::move(paths));
        if (!sent) {
            note(what + ": not kept: " + sent.error().message);
            continue;
        }
        note(fmt::format("{}: kept {}", what, amount_text(sent->files, sent->bytes)));
        report_.packs.push_back(std::move(*sent));
    }
}

}  // namespace sluice::agent
