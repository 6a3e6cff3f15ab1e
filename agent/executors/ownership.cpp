#include "agent/executors/ownership.hpp"

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

namespace sluice::agent {

namespace {

/// Step by step by descriptors: a process of the user may put a link in our way meanwhile, also a
/// hard one to what is not the user's.
Result<> own_at(int parent, const char* name, uid_t user, gid_t group, const std::string& shown) {
    const files::Fd entry(::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!entry) return errno == ENOENT ? Result<>{} : Result<>(not_given(shown));
    if (::fstat(entry.get(), &status) != 0) return not_given(shown);
    const auto give = [&]() -> Result<> {
        if (status.st_uid == user ||
            ::fchownat(entry.get(), "", user, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0)
            return {};
        return not_given(shown);
    };
    if (!S_ISDIR(status.st_mode)) return status.st_nlink > 1 ? Result<>{} : give();
    const files::Fd folder(
        ::openat(entry.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    if (!folder) return not_given(shown);
    SLUICE_CHECK(give_entries_to(folder.get(), user, group, shown));
    // Last: until then nobody else can change what is in it.
    return give();
}

}  // namespace

Error not_given(const std::string& shown) {
    return error(Code::unavailable, "chown_failed",
                 fmt::format("{}: {}", shown, std::generic_category().message(errno)));
}

Result<> give_entries_to(int folder, uid_t user, gid_t group, const std::string& shown) {
    const int copy = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR* entries = copy < 0 ? nullptr : ::fdopendir(copy);
    if (entries == nullptr) {
        const Error refusal = not_given(shown);
        if (copy >= 0) ::close(copy);
        return refusal;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> closed(entries, ::closedir);
    while (const dirent* entry = ::readdir(entries)) {
        const std::string_view word = entry->d_name;
        if (word == "." || word == "..") continue;
        SLUICE_CHECK(own_at(folder, entry->d_name, user, group, shown));
    }
    return {};
}

Result<> give_to(const files::Path& path, uid_t user, gid_t group) {
    return own_at(AT_FDCWD, path.c_str(), user, group, path.string());
}

}  // namespace sluice::agent
