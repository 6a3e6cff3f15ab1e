#include "agent/resources/cgroup.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::agent {

namespace {

constexpr std::size_t k_file_max = 1 << 20;

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    text = text::trim(text);
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::int64_t> number_in(const files::Path& file) {
    Result<std::string> text = files::read_file(file, k_file_max);
    if (!text) return std::nullopt;
    return number(*text);
}

/// The value after `key ` in a file of lines `key value`.
std::optional<std::int64_t> entry_in(const files::Path& file, std::string_view key) {
    Result<std::string> text = files::read_file(file, k_file_max);
    if (!text) return std::nullopt;
    for (const std::string& line : text::split(*text, '\n'))
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
            return number(std::string_view(line).substr(key.size() + 1));
    return std::nullopt;
}

bool has_word(std::string_view list, std::string_view word) {
    const auto words = text::split(list, ',');
    return std::find(words.begin(), words.end(), word) != words.end();
}

files::Path below(const files::Path& mount, std::string_view group) {
    if (mount.empty()) return {};
    while (group.starts_with('/')) group.remove_prefix(1);
    return mount / group;
}

}  // namespace

CgroupMounts cgroup_mounts(std::string_view mountinfo) {
    CgroupMounts mounts;
    for (const std::string& line : text::split(mountinfo, '\n')) {
        const std::size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        const auto left = text::split(line.substr(0, dash), ' ');
        const auto right = text::split(line.substr(dash + 3), ' ');
        if (left.size() < 5 || right.size() < 3) continue;
        if (right[0] == "cgroup2" && mounts.unified.empty()) mounts.unified = left[4];
        if (right[0] != "cgroup") continue;
        if (has_word(right[2], "memory")) mounts.memory = left[4];
        if (has_word(right[2], "cpuacct")) mounts.cpu_time = left[4];
        if (has_word(right[2], "cpu")) mounts.cpu = left[4];
        if (has_word(right[2], "pids")) mounts.pids = left[4];
    }
    return mounts;
}

CgroupPlaces cgroup_places(std::string_view text, const CgroupMounts& mounts) {
    CgroupPlaces out;
    for (const std::string& line : text::split(text, '\n')) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        if (controllers.empty()) out.unified = below(mounts.unified, path);
        if (has_word(controllers, "memory")) out.memory = below(mounts.memory, path);
        if (has_word(controllers, "cpuacct")) out.cpu_time = below(mounts.cpu_time, path);
        if (has_word(controllers, "cpu")) out.cpu = below(mounts.cpu, path);
        if (has_word(controllers, "pids")) out.pids = below(mounts.pids, path);
    }
    return out;
}

Cgroup cgroup_from(std::string_view text, const CgroupMounts& mounts) {
    const CgroupPlaces places = cgroup_places(text, mounts);
    Cgroup group;
    group.memory = places.memory;
    group.cpu = places.cpu_time;
    if (!group.memory.empty() || !group.cpu.empty()) return group;
    group.v2 = !places.unified.empty();
    group.memory = group.cpu = places.unified;
    return group;
}

std::optional<Cgroup> Cgroup::of(pid_t pid) {
    Result<std::string> groups =
        files::read_file("/proc/" + std::to_string(pid) + "/cgroup", k_file_max);
    Result<std::string> mounts = files::read_file("/proc/self/mountinfo", 16 << 20);
    if (!groups || !mounts) return std::nullopt;
    return cgroup_from(*groups, cgroup_mounts(*mounts));
}

std::optional<std::uint64_t> Cgroup::oom_kills() const {
    if (memory.empty()) return std::nullopt;
    auto kills = v2 ? entry_in(memory / "memory.events", "oom_kill")
                    : entry_in(memory / "memory.oom_control", "oom_kill");
    if (!kills) return std::nullopt;
    return static_cast<std::uint64_t>(*kills);
}

std::optional<Duration> Cgroup::cpu_time() const {
    if (cpu.empty()) return std::nullopt;
    auto used = v2 ? entry_in(cpu / "cpu.stat", "usage_usec") : number_in(cpu / "cpuacct.usage");
    if (!used) return std::nullopt;
    return Duration{*used / (v2 ? 1'000 : 1'000'000)};
}

std::optional<std::int64_t> Cgroup::resident() const {
    if (memory.empty()) return std::nullopt;
    return entry_in(memory / "memory.stat", v2 ? "anon" : "total_rss");
}

std::optional<std::int64_t> Cgroup::memory_limit() const {
    if (memory.empty()) return std::nullopt;
    return number_in(memory / (v2 ? "memory.max" : "memory.limit_in_bytes"));
}

std::optional<std::int64_t> Cgroup::peak() const {
    if (memory.empty()) return std::nullopt;
    return number_in(memory / (v2 ? "memory.peak" : "memory.max_usage_in_bytes"));
}

}  // namespace sluice::agent
