#pragma once
/// The worker's side: answers one request after another. Blocking, one thread, its own process.

#include "server/git/mirror.hpp"

#include <functional>

namespace sluice::git {

class Worker {
public:
    explicit Worker(wire::Setup setup) : repositories_(std::move(setup)) {}

    /// Never throws for anything that a repository or a remote does.
    wire::Reply handle(const wire::Request& request);
    /// What may be done after the reply was sent.
    void tidy();

private:
    Result<Snapshot> snapshot(const wire::Request& request);
    Result<Snapshot> resolve(const wire::Request& request);
    Result<Snapshot> changes(const wire::Request& request);
    Result<Snapshot> pack(const wire::Request& request);
    Result<Snapshot> file(const wire::Request& request);
    Result<Snapshot> submodules(const wire::Request& request);
    Result<Snapshot> lfs(const wire::Request& request);
    Result<Commit> obtain(git_repository* repository, const wire::Request& request);

    RepositoryCache repositories_;
    files::Path written_pack_;
};

/// Limits of the process: address space, file size, open files, no core dumps; and libgit2's own
/// (objects in a pack, size of an object, mapped memory, no configuration of the user or system).
/// Before the first request.
void limit_worker();

/// Lets the kernel end the process when it outlives the server in a request, or burns CPU beyond
/// it.
void limit_request(std::int64_t deadline_ms);

}  // namespace sluice::git
