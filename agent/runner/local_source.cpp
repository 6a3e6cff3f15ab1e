#include "agent/runner/local_source.hpp"

#include "platform/copy_tree.hpp"

namespace sluice::agent {

namespace {

/// The snapshot has depth 1, and beside that what the person's own clone says of its depth and
/// refs.
Result<> set_depth(const files::Path& git_dir, bool history) {
    for (const char* name : {"shallow", "packed-refs"}) {
        const files::Path kept = git_dir / (std::string(name) + "-of-history");
        std::error_code failed;
        if (history) {
            std::filesystem::remove(git_dir / name, failed);
            if (std::filesystem::exists(kept))
                std::filesystem::rename(kept, git_dir / name, failed);
        } else {
            std::filesystem::remove(kept, failed);
        }
        if (failed) return files::errno_error(failed.value(), "prepare " + git_dir.string());
    }
    return {};
}

}  // namespace

Result<> LocalSource::checkout(const protocol::ClaimedJob& job, const files::Path& workspace,
                               const Note& /*note*/) {
    if (job.spec.checkout.submodules)
        return error(Code::unsupported, "source",
                     "`source: { submodules: true }` is for a server's agents; a local run has the "
                     "tree without submodules");
    if (snapshot_.empty()) return {};
    SLUICE_CHECK(files::copy_tree(snapshot_, workspace, stop_));
    return set_depth(workspace / ".git", job.spec.checkout.full_history);
}

}  // namespace sluice::agent
