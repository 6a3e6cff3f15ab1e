#include "server/git/borrowed_mirrors.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace sluice::git {

namespace {

namespace fs = std::filesystem;

/// Packs are all but nothing of a mirror's size.
std::uint64_t bytes_of(const fs::path& mirror) {
    std::uint64_t sum = 0;
    std::error_code failed;
    for (auto it = fs::directory_iterator(mirror / "objects" / "pack", failed);
         !failed && it != fs::directory_iterator(); it.increment(failed)) {
        std::error_code gone;
        const auto bytes = it->file_size(gone);
        if (!gone) sum += bytes;
    }
    return sum;
}

}  // namespace

bool is_borrowed(const files::Path& mirror) {
    const auto folder = mirror.parent_path().filename();
    return folder == "submodules" || folder == "fragments";
}

void touch_mirror(const files::Path& mirror) {
    (void)::utimensat(AT_FDCWD, mirror.c_str(), nullptr, 0);
}

void trim_borrowed(const files::Path& folder, const BorrowedLimits& limits) {
    struct Mirror {
        fs::file_time_type used;
        std::uint64_t bytes;
        fs::path path;
    };
    std::vector<Mirror> mirrors;
    std::uint64_t total = 0;
    std::error_code failed;
    for (auto it = fs::directory_iterator(folder, failed);
         !failed && it != fs::directory_iterator(); it.increment(failed)) {
        std::error_code gone;
        if (it->path().extension() == ".removed") {  // by a worker that was killed meanwhile
            fs::remove_all(it->path(), gone);
            continue;
        }
        const auto used = it->last_write_time(gone);
        if (gone) continue;
        mirrors.push_back({used, bytes_of(it->path()), it->path()});
        total += mirrors.back().bytes;
    }
    std::sort(mirrors.begin(), mirrors.end(),
              [](const Mirror& a, const Mirror& b) { return a.used < b.used; });
    const auto before = fs::file_time_type::clock::now() - limits.unused_for;
    for (const Mirror& mirror : mirrors) {
        if (total <= limits.bytes || mirror.used > before) return;
        // Another name first: nobody finds half a mirror.
        const fs::path removed = mirror.path.string() + ".removed";
        std::error_code gone;
        fs::rename(mirror.path, removed, gone);
        if (gone) continue;
        fs::remove_all(removed, gone);
        total -= mirror.bytes;
    }
}

}  // namespace sluice::git
