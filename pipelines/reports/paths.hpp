#pragma once
/// Paths as tools write them → paths in the workspace. Pure, any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reports {

/// Where a job ran, for reading the paths of its reports.
struct PathMap {
    /// Absolute folders that are the workspace, without a slash at the end: its path on the host,
    /// and in a container.
    std::vector<std::string> roots;
    /// The folder, relative to the workspace, that relative paths start from; "" = the workspace.
    std::string base;

    /// `src/a.cpp` for `src/a.cpp`, `./src/../src/a.cpp`, `/ws/src/a.cpp`, `src\a.cpp` and
    /// `file:///ws/src/a.cpp`. Nothing for what lies outside of the workspace, for the workspace
    /// itself, for texts over 4 KiB and for what is no valid UTF-8.
    std::optional<std::string> in_workspace(std::string_view path) const;
};

}  // namespace sluice::reports
