#include "platform/copy_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace sluice::files {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t k_piece = 256 << 10;

/// By read and write: copy_file_range would share blocks where the file system can.
Result<> copy_bytes(const Path& from, const Path& to, mode_t mode) {
    SLUICE_TRY(Fd in, open(from, O_RDONLY | O_NOFOLLOW));
    SLUICE_TRY(Fd out, open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    std::vector<char> buffer(k_piece);
    for (std::int64_t at = 0;;) {
        ssize_t n = ::read(in.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error(errno, "read " + from.string());
        if (n == 0) break;
        SLUICE_CHECK(write_at(out.get(), {buffer.data(), static_cast<std::size_t>(n)}, at));
        at += n;
    }
    if (::fchmod(out.get(), mode & 0777) != 0) return errno_error(errno, "chmod " + to.string());
    return {};
}

}  // namespace

Result<> copy_entry(const Path& from, const Path& to) {
    struct stat status {};
    if (::lstat(from.c_str(), &status) != 0) return errno_error(errno, "read " + from.string());
    if (to.has_parent_path()) SLUICE_CHECK(make_dirs(to.parent_path()));
    if (S_ISREG(status.st_mode)) return copy_bytes(from, to, status.st_mode);
    if (!S_ISLNK(status.st_mode)) return {};
    std::error_code failed;
    fs::copy_symlink(from, to, failed);
    if (failed) return errno_error(failed.value(), "link " + to.string());
    return {};
}

Result<> copy_tree(const Path& from, const Path& to, const std::atomic<bool>& stop) {
    SLUICE_CHECK(make_dirs(to));
    std::error_code failed;
    fs::recursive_directory_iterator at(from, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        if (stop) return error(Code::unavailable, "interrupted", "copying was interrupted");
        const Path target = to / at->path().lexically_relative(from);
        std::error_code ignored;
        if (at->is_directory(ignored) && !at->is_symlink(ignored)) {
            SLUICE_CHECK(make_dirs(target));
            continue;
        }
        SLUICE_CHECK(copy_entry(at->path(), target));
    }
    if (failed) return errno_error(failed.value(), "read " + from.string());
    return {};
}

}  // namespace sluice::files
