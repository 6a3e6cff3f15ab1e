#pragma once
/// What the kernel counts for a control group, version 1 or 2. Blocking reads of small files. Any
/// thread.

#include "pipelines/base/time.hpp"
#include "platform/files.hpp"

#include <sys/types.h>

#include <optional>

namespace sluice::agent {

/// Where the controllers of one group are; empty paths where the machine has none.
struct Cgroup {
    files::Path memory, cpu;
    bool v2 = false;

    bool operator==(const Cgroup&) const = default;
    /// The groups that the process is in; nothing when it is gone.
    static std::optional<Cgroup> of(pid_t pid);

    /// Kills for lack of memory in this group since it was made; nothing when the group is gone or
    /// does not count.
    std::optional<std::uint64_t> oom_kills() const;
    std::optional<Duration> cpu_time() const;
    /// Bytes of the processes themselves, without the page cache.
    std::optional<std::int64_t> resident() const;
    /// The most bytes that the group ever had, page cache included.
    std::optional<std::int64_t> peak() const;
    /// Bytes that the group may have; nothing when there is no limit.
    std::optional<std::int64_t> memory_limit() const;
};

/// Mount points of controllers of version 1, and of version 2; "" = none.
struct CgroupMounts {
    files::Path memory, cpu_time, cpu, pids, unified;
};
CgroupMounts cgroup_mounts(std::string_view mountinfo);

/// The folders of the groups named by the text of /proc/PID/cgroup, below these mounts.
struct CgroupPlaces {
    files::Path memory, cpu_time, cpu, pids, unified;
};
CgroupPlaces cgroup_places(std::string_view text, const CgroupMounts& mounts);
/// Their counters.
Cgroup cgroup_from(std::string_view text, const CgroupMounts& mounts);

}  // namespace sluice::agent
