#include "agent/runner/local_blobs.hpp"

#include "platform/copy_tree.hpp"

#include <unistd.h>

namespace sluice::agent {

Result<> LocalBlobs::put(const protocol::Blob& blob, const files::Path& file) {
    std::error_code failed;
    const files::Path to = path(blob);
    if (std::filesystem::exists(to, failed)) {
        // What is used stays longer: the oldest go first.
        std::filesystem::last_write_time(to, std::filesystem::file_time_type::clock::now(), failed);
        return {};
    }
    SLUICE_CHECK(files::make_dirs(to.parent_path(), 0700));
    const files::Path part = to.string() + "." + std::to_string(::getpid());
    SLUICE_CHECK(files::copy_entry(file, part));
    std::filesystem::rename(part, to, failed);
    if (failed) return error(Code::io, "io", "cannot keep a blob: " + failed.message());
    return {};
}

Result<protocol::InputReply> LocalBlobs::input(const std::string& name) {
    const auto found = job_.inputs.find(name);
    if (found != job_.inputs.end() && !found->second.packs.empty()) return found->second;
    return error(Code::not_found, "input_missing",
                 found == job_.inputs.end() || found->second.from.empty()
                     ? "nothing was produced"
                     : found->second.from + " was not produced");
}

Result<> LocalBlobs::fetch_input(const std::string&, const protocol::Blob& blob,
                                 const files::Path& to) {
    return files::copy_entry(path(blob), to);
}

Result<protocol::CacheReply> LocalBlobs::cache(const protocol::CacheRequest& request) {
    protocol::CacheReply out;
    const auto offer = [&](const protocol::CacheReply& one, bool exact) {
        out = one;
        out.exact = exact;
    };
    for (const protocol::CacheReply& one : job_.caches)
        if (one.key == request.key) {
            offer(one, true);
            return out;
        }
    for (const std::string& prefix : request.restore)
        for (const protocol::CacheReply& one : job_.caches)
            if (one.key.starts_with(prefix)) {
                offer(one, false);
                return out;
            }
    return out;
}

Result<> LocalBlobs::fetch_cache(const protocol::CacheReply&, const protocol::Blob& blob,
                                 const files::Path& to) {
    return files::copy_entry(path(blob), to);
}

}  // namespace sluice::agent
