#include "agent/executors/host/own_cgroup.hpp"

#include "agent/proc.hpp"
#include "pipelines/base/text.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

namespace sluice::agent {

namespace {

constexpr std::int64_t k_period_us = 100'000;
/// Where the agent's own processes stand, beside those of its attempts (rule 5).
constexpr const char* k_supervisor = "supervisor";

/// The folders below which groups of attempts are made, each once.
struct Places {
    CgroupPlaces of;
    std::vector<files::Path> all() const {
        std::vector<files::Path> out;
        for (const files::Path& place : {of.memory, of.cpu_time, of.cpu, of.pids, of.unified})
            if (!place.empty() && std::find(out.begin(), out.end(), place) == out.end())
                out.push_back(place);
        return out;
    }
};

Places places() {
    Places out;
    Result<std::string> groups = files::read_file("/proc/self/cgroup", 1 << 20);
    Result<std::string> mounts = files::read_file("/proc/self/mountinfo", 16 << 20);
    if (!groups || !mounts) return out;
    out.of = cgroup_places(*groups, cgroup_mounts(*mounts));
    if (!out.of.unified.empty() && out.of.unified.filename() == k_supervisor)
        out.of.unified = out.of.unified.parent_path();
    return out;
}

/// Kernel files take one write and know no renaming.
bool put(const files::Path& file, const std::string& text) {
    Result<files::Fd> fd = files::open(file, O_WRONLY);
    return fd && ::write(fd->get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::vector<pid_t> processes_in(const files::Path& folder) {
    std::vector<pid_t> out;
    Result<std::string> text = files::read_file(folder / "cgroup.procs", 16 << 20);
    if (!text) return out;
    for (const std::string& line : text::split(*text, '\n'))
        if (const pid_t pid = static_cast<pid_t>(std::atol(line.c_str())); pid > 0)
            out.push_back(pid);
    return out;
}

/// One look at a group and the groups that a job has made in it: kills, and removes what is empty.
/// Version 2 ends a group at once; else whoever forks is killed with the next look.
void kill_below(const files::Path& folder) {
    if (!put(folder / "cgroup.kill", "1"))
        for (pid_t pid : processes_in(folder))
            if (files::Fd pidfd = proc::open_pid(pid)) proc::send_signal(pidfd, SIGKILL);
    std::error_code failed;
    std::vector<files::Path> inner;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
        if (entry.is_directory(failed) && !entry.is_symlink(failed)) inner.push_back(entry.path());
    for (const files::Path& group : inner)
        if (::rmdir(group.c_str()) != 0 && errno == EBUSY) kill_below(group);
}

}  // namespace

std::vector<files::Path> OwnCgroup::folders_for(const std::string& name) {
    std::vector<files::Path> out;
    for (const files::Path& place : places().all()) out.push_back(place / name);
    return out;
}

std::optional<OwnCgroup> OwnCgroup::make(const std::string& name, const model::Resources& limits) {
    const Places where = places();
    OwnCgroup out;
    const auto made = [&](const files::Path& place) -> files::Path {
        if (place.empty()) return {};
        files::Path folder = place / name;
        if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return {};
        if (std::find(out.folders_.begin(), out.folders_.end(), folder) == out.folders_.end())
            out.folders_.push_back(folder);
        return folder;
    };
    const auto hold = [&](const files::Path& folder, const char* file, const std::string& text) {
        const bool held = !folder.empty() && put(folder / file, text);
        out.holds_ = out.holds_ && held;
        return held;
    };
    const std::string memory = std::to_string(limits.memory);
    const std::string quota = std::to_string(limits.cpu_millis * k_period_us / 1000);
    if (!where.of.memory.empty()) {
        out.counters_.memory = made(where.of.memory);
        out.counters_.cpu = made(where.of.cpu_time);
        const files::Path cpu = made(where.of.cpu);
        // The second is there where the kernel counts swap.
        if (limits.memory > 0 && hold(out.counters_.memory, "memory.limit_in_bytes", memory))
            put(out.counters_.memory / "memory.memsw.limit_in_bytes", memory);
        if (limits.cpu_millis > 0 && hold(cpu, "cpu.cfs_period_us", std::to_string(k_period_us)))
            hold(cpu, "cpu.cfs_quota_us", quota);
    } else if (!where.of.unified.empty()) {
        // Refused where the parent has processes of its own: then there are counters of none, and
        // the group is good for ending everything in it alone. Each by itself: one that the
        // machine does not give would take the others along.
        for (const char* controller : {"+memory", "+cpu", "+pids"})
            put(where.of.unified / "cgroup.subtree_control", controller);
        const files::Path folder = made(where.of.unified);
        out.counters_.v2 = true;
        out.counters_.memory = out.counters_.cpu = folder;
        if (limits.memory > 0 && hold(folder, "memory.max", memory))
            put(folder / "memory.swap.max", "0");
        if (limits.cpu_millis > 0)
            hold(folder, "cpu.max", quota + " " + std::to_string(k_period_us));
    }
    if (out.folders_.empty()) return std::nullopt;
    return out;
}

std::vector<files::Path> OwnCgroup::doors() const {
    std::vector<files::Path> out;
    for (const files::Path& folder : folders_) out.push_back(folder / "cgroup.procs");
    return out;
}

bool OwnCgroup::end(const std::vector<files::Path>& folders, Duration patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    bool all = true;
    for (const files::Path& folder : folders) {
        while (::rmdir(folder.c_str()) != 0 && errno == EBUSY) {
            kill_below(folder);
            if (std::chrono::steady_clock::now() >= deadline) {
                all = false;
                break;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    return all;
}

}  // namespace sluice::agent
