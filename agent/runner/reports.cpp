#include "agent/runner/reports.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/junit.hpp"
#include "pipelines/reports/test_collector.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::agent {

namespace {

constexpr std::size_t k_files_max = 1000;
constexpr std::size_t k_visited_max = 1'000'000;

bool is_pattern(const std::string& path) {
    return path.find_first_of("*?[{!") != std::string::npos;
}

/// Regular files below the workspace that the globs match, in byte order; symbolic links are not
/// followed.
std::vector<std::string> matching_files(const files::Path& workspace,
                                        const std::vector<std::string>& globs) {
    std::vector<std::string> found;
    std::error_code failed;
    using Walk = std::filesystem::recursive_directory_iterator;
    std::size_t visited = 0;
    for (Walk at(workspace, std::filesystem::directory_options::skip_permission_denied, failed),
         end;
         !failed && at != end && ++visited < k_visited_max; at.increment(failed)) {
        if (at.depth() == 0 && at->path().filename() == ".git") at.disable_recursion_pending();
        std::error_code ignored;
        if (!at->is_regular_file(ignored) || at->is_symlink(ignored)) continue;
        std::string relative = at->path().lexically_relative(workspace).string();
        if (text::globs_match(globs, relative)) found.push_back(std::move(relative));
    }
    std::sort(found.begin(), found.end());
    if (found.size() > k_files_max) found.resize(k_files_max);
    return found;
}

/// Opens below the workspace; a link that leads out of it is refused by the kernel.
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

Result<> read_junit(const files::Path& workspace, const std::string& relative,
                    reports::TestCollector& into) {
    SLUICE_TRY(files::Fd file, open_inside(workspace, relative));
    reports::JunitParser parser([&](model::TestCase&& test) { into.add(std::move(test)); });
    std::string buffer(256 << 10, '\0');
    while (true) {
        ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return files::errno_error(errno, relative);
        if (n == 0) break;
        SLUICE_CHECK(parser.feed(std::string_view(buffer).substr(0, static_cast<std::size_t>(n))));
    }
    return parser.finish();
}

std::string problem_text(const std::string& format, const std::string& path, const Error& refusal) {
    std::string text = "reports." + format + ": ";
    if (!refusal.message.starts_with(path)) text += path + ": ";
    if (!refusal.where.empty()) text += refusal.where + ": ";
    return text + refusal.message;
}

}  // namespace

model::Reports collect_reports(const std::vector<model::ReportSpec>& wanted,
                               const files::Path& workspace) {
    model::Reports reports;
    reports::TestCollector tests;
    for (const model::ReportSpec& spec : wanted) {
        if (spec.format != "junit") {
            reports.problems.push_back("reports." + spec.format +
                                       ": this agent cannot read that format");
            continue;
        }
        // A plain path is opened directly: no walk, and its absence is a problem of its own.
        std::vector<std::string> paths;
        std::vector<std::string> globs;
        for (const std::string& path : spec.paths)
            (is_pattern(path) ? globs : paths).push_back(path);
        if (!globs.empty()) {
            std::vector<std::string> found = matching_files(workspace, spec.paths);
            if (found.empty())
                reports.problems.push_back("reports.junit: " + globs.front() + ": no file matches");
            paths = std::move(found);
        }
        for (const std::string& path : paths) {
            Result<> read = read_junit(workspace, path, tests);
            if (!read) {
                reports.problems.push_back(problem_text(spec.format, path, read.error()));
                continue;
            }
            reports.tests = tests.report();
        }
    }
    return reports;
}

}  // namespace sluice::agent
