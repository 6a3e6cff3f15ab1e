#pragma once
/// Reading what a job left in its workspace. Foreign files: never followed out of the workspace.
/// Blocking, any thread.

#include "platform/files.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::agent {

/// Is it a glob, or the name of one file?
bool is_pattern(const std::string& path);

/// Regular files below the workspace that the globs match, in byte order, at most 1,000; symbolic
/// links are not followed.
std::vector<std::string> matching_files(const files::Path& workspace,
                                        const std::vector<std::string>& globs);

/// All regular files below the workspace but `.git` and `node_modules`, in byte order, at most
/// 200,000.
std::vector<std::string> all_files(const files::Path& workspace);

/// Opens below the workspace; a link that leads out of it is refused by the kernel, and so is what
/// is no regular file.
Result<files::Fd> open_inside(const files::Path& workspace, const std::string& relative);

/// Gives the file to `take` in pieces until it is refused.
Result<> read_inside(const files::Path& workspace, const std::string& relative,
                     const std::function<Result<>(std::string_view)>& take);

/// The path below the workspace; refused when it leads out, or through a symbolic link.
Result<files::Path> path_inside(const files::Path& workspace, const std::string& relative);

/// The whole file; nothing when it is missing or larger than `max_bytes`.
std::optional<std::string> text_inside(const files::Path& workspace, const std::string& relative,
                                       std::size_t max_bytes = 1 << 20);

}  // namespace sluice::agent
