#include "cli/local/local_packs.hpp"

#include "platform/copy_tree.hpp"
#include "platform/packs/pack_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::cli::local {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_caches_max = 200;
constexpr std::int64_t k_blobs_most = 10LL << 30;

bool is_there(const files::Path& blobs, const protocol::PackRef& pack) {
    std::error_code failed;
    if (!fs::exists(blobs / pack.manifest.sha256, failed)) return false;
    return std::all_of(pack.blobs.begin(), pack.blobs.end(), [&](const protocol::Blob& blob) {
        return fs::exists(blobs / blob.sha256, failed);
    });
}

}  // namespace

Result<> unpack_local(const files::Path& blobs, const protocol::PackRef& pack,
                      const files::Path& to) {
    packs::UnpackOptions options;
    options.to = to;
    options.scratch = to.parent_path() / ".unpacking";
    options.blobs = pack.blobs;
    options.replace = true;
    options.fetch = [&](const protocol::Blob& blob, const files::Path& file) {
        return files::copy_entry(blobs / blob.sha256, file);
    };
    auto done = packs::unpack(pack.manifest, options);
    (void)files::remove_tree(options.scratch);
    if (!done) return done.error();
    return {};
}

LocalCaches::LocalCaches(files::Path index, files::Path blobs)
    : index_(std::move(index)), blobs_(std::move(blobs)) {
    trim_blobs(blobs_, k_blobs_most);
    auto text = files::read_file(index_);
    auto value = text ? json::parse(*text, {.bytes = 64u << 20}) : text.error();
    if (!value || !value->is_array()) return;
    for (const json::Value& one : value->as_array())
        if (auto cache = protocol::parse_cache_reply(one);
            cache && is_there(blobs_, cache->content))
            list_.push_back(std::move(*cache));
}

void LocalCaches::add(const protocol::PackRef& pack, std::int64_t run) {
    protocol::CacheReply cache;
    cache.pack = run;
    cache.key = pack.name;
    cache.from = fmt::format("local run {}", run);
    cache.content = pack;
    list_.insert(list_.begin(), std::move(cache));
    if (list_.size() > k_caches_max) list_.resize(k_caches_max);
    json::Array out;
    for (const protocol::CacheReply& one : list_) out.push_back(protocol::to_json(one));
    (void)files::write_atomic(index_, json::serialize(out), 0600, false);
}

void trim_blobs(const files::Path& blobs, std::int64_t most) {
    struct Kept {
        fs::file_time_type used;
        std::int64_t size = 0;
        files::Path path;
    };
    std::vector<Kept> all;
    std::error_code failed;
    for (const auto& file : fs::directory_iterator(blobs, failed)) {
        std::error_code ignored;
        all.push_back({fs::last_write_time(file.path(), ignored),
                       static_cast<std::int64_t>(file.file_size(ignored)), file.path()});
    }
    std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.used > b.used; });
    std::int64_t sum = 0;
    for (const Kept& one : all)
        if ((sum += one.size) > most) fs::remove(one.path, failed);
}

}  // namespace sluice::cli::local
