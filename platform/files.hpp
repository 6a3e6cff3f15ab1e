#pragma once
/// Files as the server and the agents need them: RAII descriptors, atomic replacement, locks.
/// Blocking. Any thread.

#include "pipelines/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::files {

using Path = std::filesystem::path;

/// Owns a descriptor; closes it. Moves only.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() { reset(); }
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = other.release();
        }
        return *this;
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() {
        int fd = fd_;
        fd_ = -1;
        return fd;
    }
    void reset();

private:
    int fd_ = -1;
};

/// The error for errno `number` while doing `what` ("open /x"): code io, id from the errno
/// (`disk_full` for ENOSPC and EDQUOT, `not_found` with Code::not_found for ENOENT, `io` else).
Error errno_error(int number, std::string what);

/// The whole file; refused with too_large over `max_bytes`.
Result<std::string> read_file(const Path& path, std::size_t max_bytes = 64 << 20);
/// Writes a temporary beside `path`, optionally fsyncs file and folder, renames. Readers see old or
/// new, never half.
Result<> write_atomic(const Path& path, std::string_view bytes, int mode = 0644, bool sync = true);
/// Creates a file that must not exist yet, for places that nobody reads meanwhile; cheaper than
/// write_atomic.
Result<> write_new(const Path& path, std::string_view bytes, int mode = 0644);
/// Creates the folder and its parents, the last with `mode`.
Result<> make_dirs(const Path& path, int mode = 0755);
/// Removes a tree without following symbolic links or crossing mounts; unreadable folders are made
/// writable first.
Result<> remove_tree(const Path& path);
/// Opens with O_CLOEXEC.
Result<Fd> open(const Path& path, int flags, int mode = 0644);
/// Writes all bytes at the offset (pwrite loop).
Result<> write_at(int fd, std::string_view bytes, std::int64_t offset);

/// A whole-file flock held for the object's life.
class LockFile {
public:
    /// Takes an exclusive lock without waiting; nothing when another process holds it.
    static Result<std::optional<LockFile>> try_acquire(const Path& path);
    LockFile(LockFile&&) = default;
    LockFile& operator=(LockFile&&) = default;
    int fd() const { return fd_.get(); }

private:
    explicit LockFile(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

/// Free bytes for unprivileged writers on the volume of `path`; 0 when it cannot be told.
std::uint64_t free_bytes(const Path& path);

}  // namespace sluice::files
