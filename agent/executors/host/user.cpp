#include "agent/executors/host/user.hpp"

#include "agent/executors/host/process.hpp"
#include "agent/executors/ownership.hpp"
#include "agent/proc.hpp"
#include "agent/runner/process_tree.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <system_error>
#include <thread>

namespace sluice::agent {

namespace {

/// The whole machine's, and gone with its boot: as the processes are.
constexpr const char* k_locks = "/run/sluice-users";
constexpr const char* k_shared_memory = "/dev/shm";
constexpr Duration k_kill_patience{10'000}, k_kill_try{500};

Result<std::optional<files::LockFile>> lock_of(uid_t id) {
    SLUICE_CHECK(files::make_dirs(k_locks, 0700));
    return files::LockFile::try_acquire(files::Path(k_locks) / std::to_string(id));
}

/// Real, effective, saved or file-system user; zombies only wait to be reaped.
bool belongs_to(pid_t pid, uid_t id) {
    const auto status = files::read_file("/proc/" + std::to_string(pid) + "/status");
    if (!status) return false;
    bool ours = false;
    for (const std::string& line : text::split(*status, '\n')) {
        if (line.starts_with("State:\tZ")) return false;
        if (!line.starts_with("Uid:\t")) continue;
        for (const std::string& number : text::split(std::string_view(line).substr(5), '\t'))
            ours = ours || number == std::to_string(id);
        return ours;
    }
    return false;
}

bool has_processes(uid_t id) {
    for (pid_t pid : proc::all_pids())
        if (belongs_to(pid, id)) return true;
    return false;
}

/// One call of the kernel that signals whatever the user has: nothing can fork out of its way, as
/// it could between a look at /proc and a kill.
void kill_all(uid_t id) {
    // A try that hangs must leave time for another.
    const spawn::RunOptions options{.env = std::map<std::string, std::string>{},
                                    .directory = "/",
                                    .input = {},
                                    .timeout = k_kill_try};
    (void)spawn::run({helper_program(), "--kill-user", std::to_string(id)}, options);
}

void remove_shared_memory(uid_t id) {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(k_shared_memory, failed)) {
        struct stat status {};
        if (::lstat(entry.path().c_str(), &status) == 0 && status.st_uid == id)
            (void)files::remove_tree(entry.path());
    }
}

bool end_processes_of(uid_t id, Duration patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    auto pause = std::chrono::milliseconds(1);
    while (has_processes(id)) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        kill_all(id);
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds(100));
    }
    return true;
}

bool end_user(uid_t id, Duration patience) {
    if (!end_processes_of(id, patience)) return false;
    remove_shared_memory(id);
    return true;
}

}  // namespace

Result<HostUser> HostUser::take(const UserPool& pool) {
    if (::geteuid() != 0)
        return error(Code::unsupported, "no_users",
                     "this agent's owner wants users of their own for jobs (`host.users`), which "
                     "needs an agent that runs as root");
    if (helper_program().empty())
        return error(Code::unsupported, "no_helper",
                     "sluice-exec must be installed beside sluice-agent");
    for (uid_t id = pool.first; id <= pool.last; ++id) {
        if (::getpwuid(id) != nullptr) continue;  // somebody's account
        SLUICE_TRY(auto lock, lock_of(id));
        if (!lock) continue;
        if (!end_user(id, k_kill_patience)) continue;
        return HostUser(id, std::move(*lock));
    }
    return error(Code::unavailable, "no_free_user",
                 fmt::format("all users of the pool {}-{} are taken: make `host.users` larger",
                             pool.first, pool.last));
}

spawn::Command HostUser::wrap(spawn::Command command, const View& view) const {
    std::vector<std::string> argv{helper_program(), "--parent", std::to_string(::getpid()),
                                  "--user", std::to_string(id_)};
    argv.insert(argv.end(), {"--tmp", view.tmp.string(), "--hide", view.hide.string()});
    argv.insert(argv.end(), {"--chdir", command.directory.string()});
    for (const View::Open& open : view.open) {
        if (open.from != open.to) argv.insert(argv.end(), {"--from", open.from.string()});
        argv.insert(argv.end(), {"--open", open.to.string()});
    }
    argv.emplace_back("--");
    argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    command.argv = std::move(argv);
    command.directory = "/";
    return command;
}

Result<> HostUser::own(const files::Path& path) const {
    return give_to(path, id_, id_);
}

Result<> HostUser::lend(const files::Path& folder) const {
    const std::string shown = folder.string();
    const files::Fd held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!held && errno == ENOENT) return {};
    struct stat status {};
    if (!held || ::fstat(held.get(), &status) != 0) return not_given(shown);
    if (status.st_uid != ::geteuid())
        return error(Code::unavailable, "chown_failed", shown + ": it is somebody else's");
    if (::fchown(held.get(), status.st_uid, id_) != 0 || ::fchmod(held.get(), 0750) != 0)
        return not_given(shown);
    return give_entries_to(held.get(), id_, id_, shown);
}

bool HostUser::end(Duration patience) const {
    return end_user(id_, patience);
}

bool HostUser::end_processes(Duration patience) const {
    return end_processes_of(id_, patience);
}

bool HostUser::end_left(uid_t id, Duration patience) {
    const auto lock = lock_of(id);
    // Whoever has it now has ended what was there before.
    if (!lock) return false;
    if (!*lock) return true;
    return end_user(id, patience);
}

}  // namespace sluice::agent
