#include "agent/runner/source_store.hpp"

#include "pipelines/base/text.hpp"
#include "platform/copy_tree.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

namespace sluice::agent {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_commits_offered = 16;
constexpr std::size_t k_commits_kept = 64;
/// More are dearer to copy than a new pack is to fetch.
constexpr std::size_t k_most_packs = 16;
constexpr std::string_view k_temporary = ".tmp-";
constexpr std::uint64_t k_room_for_jobs = 1 << 30;

/// flock of the whole store; ends with its holder.
Result<files::Fd> locked(const files::Path& root, int how) {
    SLUICE_TRY(files::Fd fd, files::open(root / "lock", O_RDWR | O_CREAT, 0600));
    while (::flock(fd.get(), how) != 0) {
        if (errno == EINTR) continue;
        return files::errno_error(errno, "lock " + root.string());
    }
    return fd;
}

bool is_pack_name(std::string_view name) {
    return name.starts_with("pack-") && text::is_commit_id(name.substr(5));
}

/// Names of the packs in a folder, without ending; only whole ones.
std::vector<std::string> packs_in(const files::Path& folder) {
    std::vector<std::string> out;
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
        if (at->path().extension() == ".idx" && is_pack_name(at->path().stem().string()))
            out.push_back(at->path().stem().string());
    std::sort(out.begin(), out.end());
    return out;
}

/// Of what packs_in() finds there.
std::uint64_t bytes_of(const files::Path& folder) {
    std::uint64_t out = 0;
    for (const std::string& name : packs_in(folder))
        for (const char* ending : {".pack", ".idx"}) {
            std::error_code failed;
            const auto size = fs::file_size(folder / (name + ending), failed);
            out += failed ? 0 : size;
        }
    return out;
}

Result<std::vector<std::string>> read_mark(const files::Path& mark) {
    SLUICE_TRY(const std::string body, files::read_file(mark, 1 << 20));
    std::vector<std::string> out;
    for (std::size_t at = 0; at < body.size();) {
        const std::size_t end = std::min(body.find('\n', at), body.size());
        out.push_back(body.substr(at, end - at));
        if (!is_pack_name(out.back()))
            return error(Code::invalid, "source", mark.string() + " names no packs");
        at = end + 1;
    }
    return out;
}

struct Used {
    files::Path mark;
    std::int64_t at = 0;  ///< nanoseconds
    bool long_chain = false;
};

/// Marks of the folder, the latest used first.
std::vector<Used> marks_in(const files::Path& folder) {
    std::vector<Used> out;
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        struct stat status {};
        if (!text::is_commit_id(at->path().filename().string()) ||
            ::stat(at->path().c_str(), &status) != 0)
            continue;
        const auto line = static_cast<off_t>(std::string_view("pack-").size() + 40 + 1);
        out.push_back({at->path(), status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
                       status.st_size >= line * static_cast<off_t>(k_most_packs)});
    }
    std::sort(out.begin(), out.end(), [](const Used& a, const Used& b) { return a.at > b.at; });
    return out;
}

/// Removes what a process that was killed has left. The caller is alone.
void remove_leftovers(const files::Path& project) {
    std::error_code failed;
    for (const char* folder : {"packs", "commits", "history"})
        for (fs::directory_iterator at(project / folder, failed), end; !failed && at != end;
             at.increment(failed)) {
            const std::string name = at->path().filename().string();
            const bool known =
                std::string_view(folder) == "packs"
                    ? is_pack_name(at->path().stem().string()) &&
                          fs::exists(project / folder / (at->path().stem().string() + ".idx"))
                    : text::is_commit_id(name);
            std::error_code ignored;
            if (!known) fs::remove(at->path(), ignored);
        }
}

/// One project as trim sees it.
struct Kept {
    files::Path folder;
    std::map<std::string, std::uint64_t> bytes;          ///< by pack
    std::map<std::string, std::set<std::string>> users;  ///< by pack: marks

    void forget(const std::string& mark) {
        std::error_code ignored;
        fs::remove(mark, ignored);
        for (auto& [pack, marks] : users) marks.erase(mark);
    }
    /// Removes packs that no commit needs; the bytes that are left.
    std::uint64_t sweep() {
        std::uint64_t left = 0;
        for (auto at = bytes.begin(); at != bytes.end();) {
            if (!users[at->first].empty()) {
                left += at->second;
                ++at;
                continue;
            }
            std::error_code ignored;
            for (const char* ending : {".idx", ".pack"})
                fs::remove(folder / "packs" / (at->first + ending), ignored);
            at = bytes.erase(at);
        }
        return left;
    }
};

}  // namespace

SourceStore::SourceStore(files::Path root, const Project& project, bool history)
    : root_(std::move(root)),
      key_(crypto::sha256_hex(
               fmt::format("{}\n{}\n{}", project.server, project.id.value, project.repository))
               .substr(0, 32)),
      kind_(history ? "history" : "commits") {}

std::vector<std::string> SourceStore::commits() const {
    std::vector<std::string> out;
    for (const Used& used : marks_in(folder() / kind_)) {
        if (out.size() == k_commits_offered) break;
        if (!used.long_chain) out.push_back(used.mark.filename().string());
    }
    return out;
}

Result<bool> SourceStore::lend(const std::string& commit, const files::Path& packs) const {
    SLUICE_TRY(const files::Fd lock, locked(root_, LOCK_SH));
    Result<std::vector<std::string>> names = read_mark(mark(commit));
    if (!names && names.error().code == Code::not_found) return false;
    if (!names) return names.error();
    (void)::utimensat(AT_FDCWD, mark(commit).c_str(), nullptr, 0);
    for (const std::string& name : *names)
        for (const char* ending : {".pack", ".idx"}) {
            Result<> copied =
                files::copy_entry(folder() / "packs" / (name + ending), packs / (name + ending));
            if (!copied && copied.error().code == Code::not_found) return false;
            if (!copied) return copied.error();
        }
    return true;
}

Result<> SourceStore::keep(const std::string& commit, const files::Path& packs) const {
    SLUICE_CHECK(files::make_dirs(root_, 0700));
    // Jobs need the disk more: at its end the agent takes none any more.
    if (files::free_bytes(root_) < k_room_for_jobs + 2 * bytes_of(packs)) return {};
    SLUICE_TRY(const files::Fd lock, locked(root_, LOCK_SH));
    const files::Path own = folder() / "packs";
    SLUICE_CHECK(files::make_dirs(own, 0700));
    SLUICE_CHECK(files::make_dirs(folder() / kind_, 0700));
    std::string lines;
    for (const std::string& name : packs_in(packs)) {
        lines += name + "\n";
        if (fs::exists(own / (name + ".idx")) && fs::exists(own / (name + ".pack"))) continue;
        // The index comes last: without it nobody finds a pack.
        for (const char* ending : {".pack", ".idx"}) {
            const files::Path temporary =
                own / fmt::format("{}{}-{}", k_temporary, ::getpid(), name + ending);
            SLUICE_CHECK(files::copy_entry(packs / (name + ending), temporary));
            failpoint::hit("source_keep", "in");
            if (::rename(temporary.c_str(), (own / (name + ending)).c_str()) != 0)
                return files::errno_error(errno, "keep " + name);
        }
    }
    return files::write_atomic(mark(commit), lines, 0600, false);
}

Result<> SourceStore::discard() const {
    SLUICE_TRY(const files::Fd lock, locked(root_, LOCK_EX));
    return files::remove_tree(folder());
}

void trim_source_store(const files::Path& root, std::uint64_t max_bytes) {
    auto lock = locked(root, LOCK_EX | LOCK_NB);
    if (!lock) return;
    std::vector<Kept> projects;
    struct Mark {
        Used used;
        std::size_t project = 0;
    };
    std::vector<Mark> marks;
    std::error_code failed;
    for (fs::directory_iterator at(root, failed), end; !failed && at != end; at.increment(failed)) {
        std::error_code ignored;
        if (!at->is_directory(ignored)) continue;
        remove_leftovers(at->path());
        Kept kept;
        kept.folder = at->path();
        for (const std::string& pack : packs_in(at->path() / "packs"))
            for (const char* ending : {".idx", ".pack"}) {
                const auto size = fs::file_size(at->path() / "packs" / (pack + ending), ignored);
                kept.bytes[pack] += ignored ? 0 : size;
            }
        for (const char* kind : {"commits", "history"}) {
            std::size_t count = 0;
            for (const Used& used : marks_in(at->path() / kind)) {
                const auto names = read_mark(used.mark);
                if (!names || ++count > k_commits_kept) {
                    fs::remove(used.mark, ignored);
                    continue;
                }
                for (const std::string& name : *names) kept.users[name].insert(used.mark.string());
                marks.push_back({used, projects.size()});
            }
        }
        projects.push_back(std::move(kept));
    }
    std::sort(marks.begin(), marks.end(),
              [](const Mark& a, const Mark& b) { return a.used.at < b.used.at; });
    std::vector<std::uint64_t> bytes;
    std::uint64_t total = 0;
    for (Kept& project : projects) {
        bytes.push_back(project.sweep());
        total += bytes.back();
    }
    for (const Mark& oldest : marks) {
        if (total <= max_bytes) return;
        Kept& project = projects[oldest.project];
        project.forget(oldest.used.mark.string());
        const std::uint64_t left = project.sweep();
        total -= bytes[oldest.project] - left;
        bytes[oldest.project] = left;
    }
}

}  // namespace sluice::agent
