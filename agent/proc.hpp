#pragma once
/// What /proc tells about processes: identity that survives pid reuse, and finding what an attempt
/// left behind. Any thread.

#include "platform/files.hpp"

#include <sys/types.h>

#include <string>
#include <vector>

namespace sluice::agent::proc {

/// Start time in clock ticks since boot; nothing when there is no such process.
std::optional<std::uint64_t> start_time(pid_t pid);
/// Changes with each boot of the kernel.
std::string boot_id();
/// Kernel's count of out-of-memory kills since boot; 0 when it does not tell.
std::uint64_t oom_kills();

/// A descriptor of the process; nothing when it is gone. It never means another process later.
files::Fd open_pid(pid_t pid);
bool send_signal(const files::Fd& pidfd, int signal);

/// True when the process's initial environment has `entry` ("NAME=value").
bool environment_has(pid_t pid, std::string_view entry);
std::vector<pid_t> all_pids();

}  // namespace sluice::agent::proc
