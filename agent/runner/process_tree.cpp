#include "agent/runner/process_tree.hpp"

#include "agent/attempt_folder.hpp"
#include "pipelines/base/text.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

namespace sluice::agent {

namespace {

using Clock = std::chrono::steady_clock;

/// Parent of a process, 0 when it is gone; `zombie` when it only waits to be reaped.
pid_t parent_of(pid_t pid, bool& zombie) {
    Result<std::string> stat = files::read_file("/proc/" + std::to_string(pid) + "/stat");
    if (!stat) return 0;
    std::size_t bracket = stat->rfind(')');
    if (bracket == std::string::npos || bracket + 4 >= stat->size()) return 0;
    zombie = (*stat)[bracket + 2] == 'Z';
    return static_cast<pid_t>(std::atol(stat->c_str() + bracket + 4));
}

std::set<pid_t> descendants(pid_t root, const std::set<pid_t>& spared = {}) {
    std::multimap<pid_t, pid_t> children;
    std::set<pid_t> zombies;
    for (pid_t pid : proc::all_pids()) {
        bool zombie = false;
        if (pid_t parent = parent_of(pid, zombie)) children.emplace(parent, pid);
        if (zombie) zombies.insert(pid);
    }
    std::set<pid_t> found;
    std::vector<pid_t> open{root};
    while (!open.empty()) {
        pid_t next = open.back();
        open.pop_back();
        for (auto [at, end] = children.equal_range(next); at != end; ++at)
            if (!spared.contains(at->second) && found.insert(at->second).second)
                open.push_back(at->second);
    }
    for (pid_t zombie : zombies) found.erase(zombie);
    return found;
}

std::set<pid_t> marked(const std::string& entry) {
    std::set<pid_t> found;
    for (pid_t pid : proc::all_pids())
        if (pid != ::getpid() && proc::environment_has(pid, entry)) found.insert(pid);
    return found;
}

/// Kills what `find` finds until it finds nothing and `none` agrees. A killed process is gone a
/// moment later; a fork bomb needs many rounds, each of which kills the forks of the one before.
template <class Find, class Confirm, class None>
KillReport kill_until_none(Find find, Confirm confirm, None none, Duration patience) {
    KillReport report;
    std::set<pid_t> counted;
    auto deadline = Clock::now() + patience;
    auto pause = std::chrono::microseconds(200);
    while (true) {
        std::set<pid_t> found = find();
        if (found.empty() && none()) return report;
        for (pid_t pid : found) {
            // Descriptor first, then the check: the pid cannot come to mean another process in
            // between.
            files::Fd pidfd = proc::open_pid(pid);
            if (!pidfd || !confirm(pid)) continue;
            proc::send_signal(pidfd, SIGKILL);
            if (counted.insert(pid).second) ++report.killed;
        }
        if (Clock::now() >= deadline) {
            report.left = static_cast<int>(find().size());
            return report;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::microseconds(50'000));
    }
}

/// A scan of /proc is no snapshot: a process may fork behind it and exit before it. But whatever is
/// left of our tree is then our child, and the kernel knows those.
bool no_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

KillReport kill_by_marker(const std::string& marker, Duration patience) {
    std::string entry = std::string(k_marker_variable) + "=" + marker;
    int empty_scans = 0;
    return kill_until_none([&] { return marked(entry); },
                           [&](pid_t pid) {
                               empty_scans = 0;
                               return proc::environment_has(pid, entry);
                           },
                           // Between exec and the first instruction a process shows no environment;
                           // it is seen next time.
                           [&] { return ++empty_scans >= 3; }, patience);
}

}  // namespace

void reap_children(pid_t except) {
    while (true) {
        siginfo_t info{};
        // Peek first: the status of `except` belongs to whoever waits for it.
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
        if (info.si_pid == except) return;
        ::waitpid(info.si_pid, nullptr, WNOHANG);
    }
}

UsageNow usage_of_tree() {
    static const long ticks = ::sysconf(_SC_CLK_TCK), page = ::sysconf(_SC_PAGESIZE);
    UsageNow now;
    rusage ended{};
    ::getrusage(RUSAGE_CHILDREN, &ended);
    const auto milliseconds = [](const timeval& time) {
        return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_usec / 1000;
    };
    now.cpu = Duration{milliseconds(ended.ru_utime) + milliseconds(ended.ru_stime)};
    now.peak = static_cast<std::int64_t>(ended.ru_maxrss) * 1024;
    // The usual end of a short job: nobody is left to be looked for.
    if (no_children()) return now;
    for (pid_t pid : descendants(::getpid())) {
        Result<std::string> stat = files::read_file("/proc/" + std::to_string(pid) + "/stat");
        const std::size_t bracket = stat ? stat->rfind(')') : std::string::npos;
        if (bracket == std::string::npos) continue;
        // From field 3 on: 14 to 17 are times (own and of ended children), 24 is memory.
        const auto fields = text::split(std::string_view(*stat).substr(bracket + 2), ' ');
        if (fields.size() < 22) continue;
        for (std::size_t i : {11, 12, 13, 14})
            now.cpu += Duration{std::atoll(fields[i].c_str()) * 1000 / ticks};
        now.resident += std::atoll(fields[21].c_str()) * page;
    }
    return now;
}

void wait_for_children(Duration patience) {
    const auto deadline = Clock::now() + patience;
    while (reap_children(0), !no_children() && Clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

void signal_session(pid_t session, int number) {
    for (pid_t pid : descendants(::getpid())) {
        files::Fd pidfd = proc::open_pid(pid);
        if (pidfd && pid != session && ::getsid(pid) == session) proc::send_signal(pidfd, number);
    }
}

void kill_session(pid_t session) {
    for (pid_t pid : descendants(::getpid())) {
        files::Fd pidfd = proc::open_pid(pid);
        if (pidfd && ::getsid(pid) == session) proc::send_signal(pidfd, SIGKILL);
    }
}

KillReport kill_descendants(const std::string& marker, Duration patience) {
    // The usual case costs one system call: no child at all means no descendant, for orphans come
    // to us.
    reap_children(0);
    if (no_children()) return {};
    pid_t self = ::getpid();
    KillReport report = kill_until_none(
        [&] {
            reap_children(0);
            return descendants(self);
        },
        [](pid_t) { return true; },
        [] {
            reap_children(0);
            return no_children();
        },
        patience);
    if (marker.empty()) return report;
    // What a service of the machine started for the step (at, systemd-run) is no descendant but may
    // carry the marker.
    KillReport strays = kill_by_marker(marker, patience);
    report.killed += strays.killed;
    report.left += strays.left;
    return report;
}

std::set<pid_t> children_now() {
    reap_children(0);
    if (no_children()) return {};
    std::set<pid_t> found;
    for (pid_t pid : proc::all_pids()) {
        bool zombie = false;
        if (parent_of(pid, zombie) == ::getpid() && !zombie) found.insert(pid);
    }
    return found;
}

KillReport kill_descendants_but(const std::set<pid_t>& spared, Duration patience) {
    int empty_scans = 0;
    return kill_until_none(
        [&] {
            reap_children(0);
            return descendants(::getpid(), spared);
        },
        [&](pid_t) {
            empty_scans = 0;
            return true;
        },
        // A process that forks behind the scan and exits before it is found by the next one.
        [&] { return no_children() || ++empty_scans >= 3; }, patience);
}

KillReport kill_marked(const std::string& marker, Duration patience) {
    if (marker.empty()) return {};
    return kill_by_marker(marker, patience);
}

}  // namespace sluice::agent
