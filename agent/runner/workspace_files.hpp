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

/// A folder of the workspace, held open: path() is this very folder whatever processes of the job
/// do to names on the way to it meanwhile. What is below path() is theirs again: only calls that
/// don't follow a link in its last part may be used there.
class HeldFolder {
public:
    /// Refused with `bad_path` when it leads out of the workspace or through a link, and not_found.
    static Result<HeldFolder> open(const files::Path& workspace, const std::string& relative);
    /// The same, and makes what is missing on the way.
    static Result<HeldFolder> make(const files::Path& workspace, const std::string& relative);
    files::Path path() const { return "/proc/self/fd/" + std::to_string(folder_.get()); }

private:
    static Result<HeldFolder> walk_to(const files::Path& workspace, const std::string& relative,
                                      bool make);
    explicit HeldFolder(files::Fd folder) : folder_(std::move(folder)) {}
    files::Fd folder_;
};

/// Gives the file to `take` in pieces until it is refused.
Result<> read_inside(const files::Path& workspace, const std::string& relative,
                     const std::function<Result<>(std::string_view)>& take);

/// The path below the workspace; refused when it leads out, or through a symbolic link.
Result<files::Path> path_inside(const files::Path& workspace, const std::string& relative);

/// The whole file; nothing when it is missing or larger than `max_bytes`.
std::optional<std::string> text_inside(const files::Path& workspace, const std::string& relative,
                                       std::size_t max_bytes = 1 << 20);

}  // namespace sluice::agent
