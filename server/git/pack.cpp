#include "server/git/pack.hpp"

#include "platform/crypto.hpp"
#include "server/git/pack_content.hpp"
#include "server/git/pack_writer.hpp"
#include "server/git/read.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

namespace sluice::git {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_temporary = ".tmp";
constexpr std::size_t k_buffer_bytes = 256 << 10;

/// Collects libgit2's small pieces into large writes.
struct PackFile {
    int fd = -1;
    int failed = 0;  ///< errno of the first failed write
    std::int64_t offset = 0;
    std::string buffer;

    bool append(std::string_view bytes) {
        buffer += bytes;
        return buffer.size() < k_buffer_bytes || flush();
    }

    bool flush() {
        auto written = files::write_at(fd, buffer, offset);
        if (!written) failed = written.error().id == "disk_full" ? ENOSPC : EIO;
        offset += static_cast<std::int64_t>(buffer.size());
        buffer.clear();
        return failed == 0;
    }
};

int collect(void* bytes, std::size_t size, void* payload) {
    auto& file = *static_cast<PackFile*>(payload);
    return file.append({static_cast<const char*>(bytes), size}) ? 0 : GIT_EUSER;
}

/// Removes the file unless it was renamed.
struct TemporaryFile {
    fs::path path;
    ~TemporaryFile() {
        if (!path.empty()) ::unlink(path.c_str());
    }
};

std::string boot_id() {
    auto text = files::read_file("/proc/sys/kernel/random/boot_id", 128);
    return text ? *text : std::string();
}

/// What is in the file decides its name, so that it is made once. Refs move while commits do not.
files::Path pack_file(const files::Path& folder, const PackWish& wish, const PackContent& content) {
    std::string name = to_hex(&wish.commit);
    if (!content.base.empty()) name += "-" + content.base;
    if (wish.history) name += "-history-" + crypto::sha256_hex(content.refs).substr(0, 32);
    return folder / (name + ".pack");
}

Result<> write_content(git_repository* repository, const PackContent& content, PackFile& file) {
    if (!content.refs.empty() && !file.append(content.refs))
        return files::errno_error(file.failed, "write the pack of a commit");
    if (content.count() > 0) {
        Result<> written;
        if (!content.builder) {
            written = write_objects(repository, content.objects,
                                    [&](std::string_view bytes) { return file.append(bytes); });
        } else if (git_packbuilder_foreach(content.builder.get(), collect, &file) != 0) {
            written = git_error(Code::gone, "commit_gone",
                                "an object of the commit is missing or damaged");
        }
        if (!written && !file.failed) return written;
    }
    if (!file.failed) file.flush();
    if (file.failed) return files::errno_error(file.failed, "write the pack of a commit");
    return {};
}

}  // namespace

Result<WrittenPack> write_pack(git_repository* repository, const PackWish& wish,
                               const files::Path& folder) {
    SLUICE_TRY(PackContent content, pack_content(repository, wish));
    WrittenPack out{pack_file(folder, wish, content), content.base};
    // Setting the time tells whether it is there, and keeps it from being the next to go.
    if (::utimensat(AT_FDCWD, out.file.c_str(), nullptr, 0) == 0) return out;
    SLUICE_CHECK(add_objects(repository, content));
    SLUICE_CHECK(files::make_dirs(folder, 0700));
    TemporaryFile temporary{out.file.string() + "." + std::to_string(::getpid()) +
                            std::string(k_temporary)};
    SLUICE_TRY(files::Fd fd, files::open(temporary.path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    PackFile file;
    file.fd = fd.get();
    file.buffer.reserve(k_buffer_bytes + (64 << 10));
    SLUICE_CHECK(write_content(repository, content, file));
    if (::rename(temporary.path.c_str(), out.file.c_str()) != 0)
        return files::errno_error(errno, "rename " + out.file.string());
    temporary.path.clear();
    return out;
}

void trim_packs(const files::Path& folder, std::uint64_t max_bytes, const files::Path& keep) {
    struct Entry {
        fs::file_time_type used;
        std::uint64_t bytes;
        fs::path path;
    };
    std::error_code ignored;
    std::vector<Entry> packs;
    std::uint64_t total = 0;
    const auto now = fs::file_time_type::clock::now();
    for (const auto& project : fs::directory_iterator(folder, ignored)) {
        if (!project.is_directory(ignored)) continue;
        for (const auto& file : fs::directory_iterator(project, ignored)) {
            const auto used = file.last_write_time(ignored);
            if (ignored) continue;
            if (file.path().extension() == k_temporary) {
                if (now - used > std::chrono::hours(1)) fs::remove(file, ignored);
                continue;
            }
            if (file.path().extension() != ".pack") continue;
            const auto bytes = file.file_size(ignored);
            if (ignored) continue;
            total += bytes;
            packs.push_back({used, bytes, file.path()});
        }
    }
    if (total <= max_bytes) return;
    std::sort(packs.begin(), packs.end(),
              [](const Entry& a, const Entry& b) { return a.used < b.used; });
    for (const Entry& entry : packs) {
        if (total <= max_bytes) return;
        if (entry.path == keep || !fs::remove(entry.path, ignored)) continue;
        total -= entry.bytes;
    }
}

void forget_old_packs(const files::Path& folder) {
    const files::Path marker = folder / "boot_id";
    const std::string now = boot_id();
    auto before = files::read_file(marker, 128);
    if (before && *before == now) return;
    // Broken or missing marker: nothing is known about the files, so they go too.
    (void)files::remove_tree(folder);
    if (files::make_dirs(folder, 0700)) (void)files::write_atomic(marker, now, 0600, false);
}

}  // namespace sluice::git
