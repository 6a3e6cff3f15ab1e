#pragma once
/// What the owner of a build machine decides about its executors: `executors.json` in the agent's
/// folder. A missing file means the defaults below.

#include "platform/files.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::agent {

struct ContainerSettings {
    std::string engine;               ///< `podman`, `docker`, `none`; "" = podman, else docker
    std::vector<std::string> images;  ///< globs of references that may run; empty = all
    std::string userns;               ///< value of `--userns`, e.g. `auto`; "" = the engine's way
    /// Capabilities that jobs keep, e.g. `CHOWN`: a package manager wants some; empty = none.
    std::vector<std::string> capabilities;
    bool read_only = false;  ///< the image's files can't be changed; /tmp can
    int pids = 4096;         ///< processes at once, of one container
    bool operator==(const ContainerSettings&) const = default;
};

/// Numbers of users that no account has.
struct UserPool {
    std::uint32_t first = 2'000'000'000, last = 2'000'000'255;
    bool operator==(const UserPool&) const = default;
};

struct HostSettings {
    bool sandbox = false;           ///< steps run behind bubblewrap
    std::optional<UserPool> users;  ///< each job's steps are a user's of their own
    bool operator==(const HostSettings&) const = default;
};

struct SourceSettings {
    /// What the agent keeps of the repositories of its jobs; 0 = nothing.
    std::uint64_t cache_bytes = 10ull << 30;
    bool operator==(const SourceSettings&) const = default;
};

struct ExecutorSettings {
    ContainerSettings container;
    HostSettings host;
    files::Path environments;  ///< folder of what jobs share, such as Python environments
    SourceSettings source;
    bool operator==(const ExecutorSettings&) const = default;
};

/// Blocking, any thread. Refused with the file's name and what is wrong in it.
Result<ExecutorSettings> load_executor_settings(const files::Path& agent_dir);

}  // namespace sluice::agent
