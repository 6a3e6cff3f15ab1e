#include "agent/runner/lfs_files.hpp"

#include "pipelines/base/text.hpp"

#include <git2.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>

namespace sluice::agent {

namespace {

constexpr const char* k_temporary = ".sluice-lfs";
/// Files that are as young as the index are read anew by git, for they may have changed since.
constexpr std::chrono::seconds k_older{2};

Error no_pointer(const protocol::LfsFile& file, const std::string& why) {
    return error(Code::invalid, "lfs_no_pointer", file.path + ": " + why);
}

/// The folder of the file, entered step by step so that no link is followed.
Result<files::Fd> folder_of(const files::Path& workspace, const protocol::LfsFile& file) {
    constexpr int k_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    SLUICE_TRY(files::Fd at, files::open(workspace, O_RDONLY | O_DIRECTORY));
    const auto parts = text::split(file.path, '/');
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const int next = ::openat(at.get(), parts[i].c_str(), k_flags);
        if (next < 0) return files::errno_error(errno, "open the folder of " + file.path);
        at = files::Fd(next);
    }
    return at;
}

std::string name_of(const protocol::LfsFile& file) {
    return file.path.substr(file.path.rfind('/') + 1);
}

/// The pointer's file as it is; refused when it is another one.
Result<struct stat> look(int folder, const protocol::LfsFile& file) {
    const files::Fd fd(
        ::openat(folder, name_of(file).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return no_pointer(file, "the checkout has no such file, or a link");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return no_pointer(file, "it is no regular file");
    std::array<char, protocol::k_lfs_pointer_max + 1> bytes{};
    const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
    if (got < 0) return files::errno_error(errno, "read " + file.path);
    std::string text(bytes.data(), static_cast<std::size_t>(got));
    // A rule for line ends may have been at the pointer, too.
    std::erase(text, '\r');
    const auto pointer = protocol::parse_lfs_pointer(text);
    if (!pointer || !*pointer || **pointer != file.pointer)
        return no_pointer(file, "the checkout's file is not the pointer that the server names");
    return status;
}

Result<> copy_bytes(int from, int to, std::int64_t size) {
    std::vector<char> buffer(256 * 1024);
    for (std::int64_t at = 0; at < size;) {
        const ssize_t got = ::pread(from, buffer.data(), buffer.size(), at);
        if (got < 0) return files::errno_error(errno, "read an object of Git LFS");
        if (got == 0) return error(Code::io, "io", "an object of Git LFS was cut off");
        SLUICE_CHECK(files::write_at(to, {buffer.data(), static_cast<std::size_t>(got)}, at));
        at += got;
    }
    return {};
}

/// Mode and time of the file that takes the pointer's place.
Result<> dress(int fd, mode_t mode, const std::string& path) {
    const auto time = std::chrono::system_clock::now() - k_older;
    timespec then{};
    then.tv_sec = std::chrono::system_clock::to_time_t(time);
    const std::array<timespec, 2> times{then, then};
    if (::fchmod(fd, mode & 0777) != 0 || ::futimens(fd, times.data()) != 0)
        return files::errno_error(errno, "finish " + path);
    return {};
}

struct FreeIndex {
    void operator()(git_index* index) const { ::git_index_free(index); }
};

}  // namespace

Result<> check_lfs_pointer(const files::Path& workspace, const protocol::LfsFile& file) {
    SLUICE_TRY(const files::Fd folder, folder_of(workspace, file));
    SLUICE_TRY([[maybe_unused]] const struct stat status, look(folder.get(), file));
    return {};
}

Result<> put_lfs_file(const files::Path& workspace, const protocol::LfsFile& file,
                      const files::Path& object, bool last) {
    SLUICE_TRY(const files::Fd folder, folder_of(workspace, file));
    SLUICE_TRY(const struct stat status, look(folder.get(), file));
    SLUICE_TRY(const files::Fd from, files::open(object, O_RDONLY | O_NOFOLLOW));
    const std::string name = name_of(file);
    if (last) {
        SLUICE_CHECK(dress(from.get(), status.st_mode, file.path));
        if (::renameat(AT_FDCWD, object.c_str(), folder.get(), name.c_str()) != 0)
            return files::errno_error(errno, "write " + file.path);
        return {};
    }
    const files::Fd to(::openat(folder.get(), k_temporary,
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) return files::errno_error(errno, "write " + file.path);
    Result<> written = copy_bytes(from.get(), to.get(), file.pointer.size);
    if (written) written = dress(to.get(), status.st_mode, file.path);
    if (written && ::renameat(folder.get(), k_temporary, folder.get(), name.c_str()) != 0)
        written = files::errno_error(errno, "write " + file.path);
    if (!written) ::unlinkat(folder.get(), k_temporary, 0);
    return written;
}

Result<> note_lfs_files(const files::Path& workspace, const std::vector<protocol::LfsFile>& files) {
    // Opened without its repository: with it libgit2 would read the files, and find them changed.
    git_index* opened = nullptr;
    const auto failed = [](const char* what) {
        const git_error* said = ::git_error_last();
        return error(Code::io, "io",
                     std::string(what) + ": " +
                         (said != nullptr && said->message ? said->message : "failed"));
    };
    if (::git_index_open(&opened, (workspace / ".git" / "index").c_str()) != 0)
        return failed("open the index");
    const std::unique_ptr<git_index, FreeIndex> index(opened);
    for (const protocol::LfsFile& file : files) {
        const git_index_entry* known = ::git_index_get_bypath(opened, file.path.c_str(), 0);
        struct stat status {};
        if (known == nullptr || ::lstat((workspace / file.path).c_str(), &status) != 0) continue;
        git_index_entry entry = *known;
        entry.ctime = {static_cast<std::int32_t>(status.st_ctim.tv_sec),
                       static_cast<std::uint32_t>(status.st_ctim.tv_nsec)};
        entry.mtime = {static_cast<std::int32_t>(status.st_mtim.tv_sec),
                       static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
        entry.dev = static_cast<std::uint32_t>(status.st_dev);
        entry.ino = static_cast<std::uint32_t>(status.st_ino);
        entry.uid = status.st_uid;
        entry.gid = status.st_gid;
        entry.file_size = static_cast<std::uint32_t>(status.st_size);
        if (::git_index_add(opened, &entry) != 0) return failed("write the index");
    }
    if (::git_index_write(opened) != 0) return failed("write the index");
    return {};
}

}  // namespace sluice::agent
