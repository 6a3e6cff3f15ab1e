#include "platform/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace sluice::files {

namespace {

Error last_error(std::string what) {
    return errno_error(errno, std::move(what));
}

Result<> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error("write");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

struct DirCloser {
    void operator()(DIR* dir) const { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, DirCloser>;

constexpr int k_max_depth = 100;

struct RemoveRoot {
    int fd = -1;
    dev_t device = 0;
    int moved = 0;
};

/// Empties the folder open as `fd`. Works by descriptors, so a symbolic link that is swapped in
/// meanwhile is never followed. Recursion costs one descriptor per level, so what lies deeper than
/// k_max_depth is first moved up into the root: a hostile job's tree of 100,000 levels can be
/// removed too.
Result<> empty_folder(RemoveRoot& root, int fd, int depth, const std::string& shown) {
    Dir dir{::fdopendir(fd)};
    if (!dir) {
        int number = errno;
        ::close(fd);
        return errno_error(number, "open " + shown);
    }
    while (true) {
        errno = 0;
        dirent* entry = ::readdir(dir.get());
        if (!entry) {
            if (errno) return last_error("read " + shown);
            return {};
        }
        std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) {
            if (::unlinkat(::dirfd(dir.get()), entry->d_name, 0) != 0 && errno != ENOENT) {
                if (errno != EACCES && errno != EPERM) return last_error("remove " + shown);
                ::fchmod(::dirfd(dir.get()), 0700);
                if (::unlinkat(::dirfd(dir.get()), entry->d_name, 0) != 0)
                    return last_error("remove " + shown + "/" + entry->d_name);
            }
            continue;
        }
        if (::unlinkat(::dirfd(dir.get()), entry->d_name, 0) == 0) continue;  // DT_UNKNOWN file
        constexpr int k_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        std::string child = shown + "/" + entry->d_name;
        int sub = ::openat(::dirfd(dir.get()), entry->d_name, k_flags);
        if (sub < 0 && errno == EACCES) {
            ::fchmod(::dirfd(dir.get()), 0700);
            ::fchmodat(::dirfd(dir.get()), entry->d_name, 0700, 0);
            sub = ::openat(::dirfd(dir.get()), entry->d_name, k_flags);
        }
        if (sub < 0 && errno == ENOENT) continue;
        if (sub < 0) return last_error("open " + child);
        struct stat status {};
        if (::fstat(sub, &status) != 0 || status.st_dev != root.device) {
            ::close(sub);
            return error(Code::io, "io", "remove " + child + ": a mount is in the way", child);
        }
        if ((status.st_mode & 0700) != 0700) ::fchmod(sub, 0700);
        if (depth >= k_max_depth) {
            ::close(sub);
            std::string up = ".sluice-deep-" + std::to_string(root.moved++);
            if (::renameat(::dirfd(dir.get()), entry->d_name, root.fd, up.c_str()) != 0)
                return last_error("move " + child);
            continue;
        }
        SLUICE_CHECK(empty_folder(root, sub, depth + 1, child));
        if (::unlinkat(::dirfd(dir.get()), entry->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
            ::fchmod(::dirfd(dir.get()), 0700);
            if (::unlinkat(::dirfd(dir.get()), entry->d_name, AT_REMOVEDIR) != 0)
                return last_error("remove " + child);
        }
    }
}

}  // namespace

void Fd::reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

Error errno_error(int number, std::string what) {
    std::string message = std::move(what) + ": " + std::generic_category().message(number);
    if (number == ENOENT) return error(Code::not_found, "not_found", std::move(message));
    if (number == ENOSPC || number == EDQUOT)
        return error(Code::io, "disk_full", std::move(message));
    return error(Code::io, "io", std::move(message));
}

Result<std::string> read_file(const Path& path, std::size_t max_bytes) {
    SLUICE_TRY(Fd fd, open(path, O_RDONLY));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return last_error("stat " + path.string());
    std::string bytes;
    // Files below /proc say they are empty, so the size is a hint only.
    std::size_t hint = status.st_size > 0 ? static_cast<std::size_t>(status.st_size) : 0;
    if (hint <= max_bytes) bytes.reserve(hint + 1);
    std::size_t filled = 0;
    while (true) {
        if (filled > max_bytes)
            return error(Code::too_large, "too_large",
                         path.string() + ": over " + std::to_string(max_bytes) + " bytes",
                         path.string());
        bytes.resize(
            std::max<std::size_t>(std::min(bytes.capacity(), max_bytes + 1), filled + 4096));
        ssize_t n = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error("read " + path.string());
        if (n == 0) break;
        filled += static_cast<std::size_t>(n);
        if (filled == bytes.size()) bytes.reserve(bytes.size() * 2);
    }
    if (filled > max_bytes)
        return error(Code::too_large, "too_large",
                     path.string() + ": over " + std::to_string(max_bytes) + " bytes",
                     path.string());
    bytes.resize(filled);
    return bytes;
}

Result<> write_atomic(const Path& path, std::string_view bytes, int mode, bool sync) {
    static std::atomic<unsigned> counter{0};
    Path temporary = path;
    temporary += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    Result<> done = [&]() -> Result<> {
        SLUICE_TRY(Fd fd, open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
        // The mode is exact whatever the umask: 0600 must not become wider and 0644 not narrower.
        if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0)
            return last_error("chmod " + temporary.string());
        if (Result<> written = write_all(fd.get(), bytes); !written) {
            Error failure = written.error();
            failure.message = path.string() + ": " + failure.message;
            return failure;
        }
        if (sync && ::fsync(fd.get()) != 0) return last_error("fsync " + temporary.string());
        if (::rename(temporary.c_str(), path.c_str()) != 0)
            return last_error("rename to " + path.string());
        return {};
    }();
    if (!done) {
        ::unlink(temporary.c_str());
        return done;
    }
    if (!sync) return {};
    Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
    SLUICE_TRY(Fd dir, open(folder, O_RDONLY | O_DIRECTORY));
    if (::fsync(dir.get()) != 0) return last_error("fsync " + folder.string());
    return {};
}

Result<> write_new(const Path& path, std::string_view bytes, int mode) {
    SLUICE_TRY(Fd fd, open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    Result<> written = write_all(fd.get(), bytes);
    if (written) return written;
    Error failure = written.error();
    failure.message = path.string() + ": " + failure.message;
    return failure;
}

Result<> make_dirs(const Path& path, int mode) {
    if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) == 0) return {};
    if (errno == EEXIST) {
        struct stat status {};
        if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
        return errno_error(ENOTDIR, "mkdir " + path.string());
    }
    if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path)
        return last_error("mkdir " + path.string());
    SLUICE_CHECK(make_dirs(path.parent_path(), 0755));
    if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) == 0 || errno == EEXIST) return {};
    return last_error("mkdir " + path.string());
}

Result<> remove_tree(const Path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return last_error("stat " + path.string());
    }
    if (!S_ISDIR(status.st_mode)) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            return last_error("remove " + path.string());
        return {};
    }
    constexpr int k_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = ::open(path.c_str(), k_flags);
    if (fd < 0 && errno == EACCES) {
        ::fchmodat(AT_FDCWD, path.c_str(), 0700, 0);
        fd = ::open(path.c_str(), k_flags);
    }
    if (fd < 0) return last_error("open " + path.string());
    if ((status.st_mode & 0700) != 0700) ::fchmod(fd, 0700);
    Fd root_fd{fd};
    RemoveRoot root{fd, status.st_dev, 0};
    int before = 0;
    while (true) {
        int again = ::openat(fd, ".", k_flags);
        if (again < 0) return last_error("open " + path.string());
        SLUICE_CHECK(empty_folder(root, again, 0, path.string()));
        if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
        // Deep folders that were moved up are emptied in the next round; anything else is a
        // refusal.
        if (errno != ENOTEMPTY || root.moved == before)
            return last_error("remove " + path.string());
        before = root.moved;
    }
}

Result<Fd> open(const Path& path, int flags, int mode) {
    while (true) {
        int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
        if (fd >= 0) return Fd(fd);
        if (errno != EINTR) return last_error("open " + path.string());
    }
}

Result<> write_at(int fd, std::string_view bytes, std::int64_t offset) {
    while (!bytes.empty()) {
        ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error("write");
        bytes.remove_prefix(static_cast<std::size_t>(n));
        offset += n;
    }
    return {};
}

Result<std::optional<LockFile>> LockFile::try_acquire(const Path& path) {
    SLUICE_TRY(Fd fd, open(path, O_RDWR | O_CREAT, 0600));
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) return std::optional<LockFile>{};
        return last_error("lock " + path.string());
    }
    return std::optional<LockFile>(LockFile(std::move(fd)));
}

std::uint64_t free_bytes(const Path& path) {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) return 0;
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace sluice::files
