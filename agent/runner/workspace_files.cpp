#include "agent/runner/workspace_files.hpp"

#include "pipelines/base/text.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::agent {

namespace {

constexpr std::size_t k_files_max = 1000;
constexpr std::size_t k_all_files_max = 200'000;
constexpr std::size_t k_visited_max = 1'000'000;

/// Regular files for which `wanted` holds; folders whose name is in `skip` are left out.
template <class Wanted>
std::vector<std::string> walk(const files::Path& workspace, std::size_t most, bool skip_modules,
                              Wanted wanted) {
    std::vector<std::string> found;
    std::error_code failed;
    using Walk = std::filesystem::recursive_directory_iterator;
    std::size_t visited = 0;
    for (Walk at(workspace, std::filesystem::directory_options::skip_permission_denied, failed),
         end;
         !failed && at != end && ++visited < k_visited_max; at.increment(failed)) {
        const auto name = at->path().filename();
        if ((at.depth() == 0 && name == ".git") || (skip_modules && name == "node_modules"))
            at.disable_recursion_pending();
        std::error_code ignored;
        if (!at->is_regular_file(ignored) || at->is_symlink(ignored)) continue;
        std::string relative = at->path().lexically_relative(workspace).string();
        if (wanted(relative)) found.push_back(std::move(relative));
    }
    std::sort(found.begin(), found.end());
    if (found.size() > most) found.resize(most);
    return found;
}

}  // namespace

bool is_pattern(const std::string& path) {
    return path.find_first_of("*?[{!") != std::string::npos;
}

std::vector<std::string> matching_files(const files::Path& workspace,
                                        const std::vector<std::string>& globs) {
    const text::Globs wanted(globs);
    return walk(workspace, k_files_max, false,
                [&](const std::string& path) { return wanted.match(path); });
}

std::vector<std::string> all_files(const files::Path& workspace) {
    return walk(workspace, k_all_files_max, true, [](const std::string&) { return true; });
}

Result<files::Fd> open_inside(const files::Path& workspace, const std::string& relative) {
    SLUICE_TRY(files::Fd root, files::open(workspace, O_PATH | O_DIRECTORY));
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a FIFO must not block us
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    int fd =
        static_cast<int>(::syscall(SYS_openat2, root.get(), relative.c_str(), &how, sizeof how));
    if (fd < 0) return files::errno_error(errno, relative);
    files::Fd file(fd);
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return error(Code::invalid, "not_a_file", relative + ": not a regular file");
    return file;
}

Result<HeldFolder> HeldFolder::open(const files::Path& workspace, const std::string& relative) {
    return walk_to(workspace, relative, false);
}

Result<HeldFolder> HeldFolder::make(const files::Path& workspace, const std::string& relative) {
    return walk_to(workspace, relative, true);
}

Result<HeldFolder> HeldFolder::walk_to(const files::Path& workspace, const std::string& relative,
                                       bool make) {
    SLUICE_TRY(files::Fd at, files::open(workspace, O_PATH | O_DIRECTORY));
    for (const files::Path& part : files::Path(relative)) {
        if (part.empty() || part == ".") continue;
        if (part == ".." || part == "/")
            return error(Code::invalid, "bad_path", relative + " leads out of the workspace");
        if (make && ::mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST)
            return files::errno_error(errno, relative);
        files::Fd next(
            ::openat(at.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        struct stat status {};
        if (!next && errno == ENOTDIR &&
            ::fstatat(at.get(), part.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(status.st_mode))
            return error(Code::invalid, "bad_path", relative + " leads through a link");
        if (!next) return files::errno_error(errno, relative);
        at = std::move(next);
    }
    return HeldFolder(std::move(at));
}

Result<> read_inside(const files::Path& workspace, const std::string& relative,
                     const std::function<Result<>(std::string_view)>& take) {
    SLUICE_TRY(files::Fd file, open_inside(workspace, relative));
    std::string buffer(256 << 10, '\0');
    while (true) {
        ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return files::errno_error(errno, relative);
        if (n == 0) return {};
        SLUICE_CHECK(take(std::string_view(buffer).substr(0, static_cast<std::size_t>(n))));
    }
}

Result<files::Path> path_inside(const files::Path& workspace, const std::string& relative) {
    files::Path at = workspace;
    for (const files::Path& part : files::Path(relative)) {
        if (part.empty() || part == ".") continue;
        if (part == ".." || part == "/")
            return error(Code::invalid, "bad_path", relative + " leads out of the workspace");
        at /= part;
        std::error_code ignored;
        if (std::filesystem::is_symlink(at, ignored))
            return error(Code::invalid, "bad_path", relative + " leads through a link");
    }
    return at;
}

std::optional<std::string> text_inside(const files::Path& workspace, const std::string& relative,
                                       std::size_t max_bytes) {
    std::string out;
    const auto take = [&](std::string_view piece) -> Result<> {
        if (out.size() + piece.size() > max_bytes) return error(Code::too_large, "too_large", "");
        out += piece;
        return {};
    };
    if (!read_inside(workspace, relative, take)) return std::nullopt;
    return out;
}

}  // namespace sluice::agent
