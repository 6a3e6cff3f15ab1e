#pragma once
/// Repositories as a worker sees them: opened in place or mirrored, kept open between requests. One
/// thread.

#include "server/git/libgit.hpp"
#include "server/git/url.hpp"
#include "server/git/wire.hpp"

#include <list>
#include <string>

namespace sluice::git {

/// Opens repositories and keeps the last k_open ones open: opening costs more than reading.
class RepositoryCache {
public:
    explicit RepositoryCache(wire::Setup setup) : setup_(std::move(setup)) {}

    /// The repository of the request. In place: its real path must be below a local root
    /// (`url_denied`), and it must be one (`repository_missing`). A mirror is made when there is
    /// none.
    Result<git_repository*> open(const wire::Request& request);
    /// Fetches all heads and tags, and `request.ref`, from the request's URL into the mirror; refs
    /// that are gone there go here too. Nothing to do in place. Errors: `fetch_failed`,
    /// `url_denied`.
    Result<> fetch(git_repository* repository, const wire::Request& request);
    /// Fetches one commit by its id, which a force-push has taken out of reach.
    Result<> fetch_commit(git_repository* repository, const wire::Request& request);

    /// Merges the packs of the mirror that was fetched into last, when there are many. After the
    /// reply was sent.
    void tidy();

    const wire::Setup& setup() const { return setup_; }

private:
    /// What makes an open repository stale when it changes: the folder was replaced, or its packs
    /// were merged by another worker.
    struct Identity {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t generation = 0;
        bool operator==(const Identity&) const = default;
    };
    struct Entry {
        std::string path;
        Identity identity;
        Repository repository;
    };

    static Identity identify(const std::string& path);

    Result<Repository> open_new(const wire::Request& request);
    Result<> fetch_refspecs(git_repository* repository, const wire::Request& request,
                            std::vector<std::string> refspecs);

    wire::Setup setup_;
    std::list<Entry> open_;     ///< most recently used first
    std::string fetched_into_;  ///< mirror that got a pack since the last tidy()
};

/// Removes the locks and half-written packs that a killed process left in a mirror. The caller
/// holds the mirror's lock.
void remove_leftovers(const files::Path& mirror);

}  // namespace sluice::git
