#pragma once
/// Where a local run keeps its snapshot, workspaces, logs and results:
/// `$XDG_CACHE_HOME/sluice/run/NAME-HASH/N/`, N counting up per checkout; never in the working
/// tree, nor below `.git`, which many tools pass over. The newest ten are kept. Blocking, one
/// thread.

#include "cli/local/checkout.hpp"

namespace sluice::cli::local {

class RunFolder {
public:
    /// Makes the next folder of the checkout and removes old ones that no live run holds.
    static Result<RunFolder> make(const Checkout& checkout);

    const files::Path& path() const { return path_; }
    std::int64_t number() const { return number_; }
    files::Path snapshot() const { return path_ / "source"; }
    /// Blobs by their digest, of all runs of the checkout: at most 10 GiB, the oldest go first.
    files::Path blobs() const { return path_.parent_path() / "blobs"; }
    /// What runs of the checkout have cached; JSON.
    files::Path caches() const { return path_.parent_path() / "caches.json"; }
    /// Artifacts of a job, as files.
    files::Path artifacts(std::string_view job) const { return path_ / "artifacts" / job; }
    /// Of attempt `attempt` (from 1) of the job at `index` of the plan.
    files::Path job(std::size_t index, const std::string& id, int attempt) const;

private:
    RunFolder(files::Path path, std::int64_t number, files::LockFile lock)
        : path_(std::move(path)), number_(number), lock_(std::move(lock)) {}

    files::Path path_;
    std::int64_t number_;
    files::LockFile lock_;
};

/// $XDG_CACHE_HOME, ~/.cache, or a folder of this user below /tmp.
files::Path cache_home();

}  // namespace sluice::cli::local
