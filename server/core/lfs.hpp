#pragma once
/// Objects of Git LFS that jobs ask for: fetched once per project, kept among its caches under
/// their digest, handed to the attempts whose commit names them (docs/decisions/0031).

#include "server/core/leases.hpp"
#include "server/core/uploads.hpp"
#include "server/git/git_service.hpp"
#include "server/store/runs.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>
#include <memory>

namespace sluice::core {

class LfsObjects {
public:
    struct Parts {
        boost::asio::any_io_executor executor;
        runtime::Pool& pool;  ///< for transfers: each waits for a network
        UploadParts uploads;
        const LeaseTable& leases;
        const git::Options& git;
        std::int64_t most_bytes;                        ///< of the files of one commit
        std::chrono::milliseconds patience{3'600'000};  ///< for all of them to come
    };
    /// What an attempt asks for: all that a commit of a repository has.
    struct Wanted {
        AttemptId attempt;
        JobId job;
        store::Run run;
        git::Repo repo;
        git::LfsListing listing;
    };

    explicit LfsObjects(Parts parts);
    ~LfsObjects();
    LfsObjects(const LfsObjects&) = delete;
    LfsObjects& operator=(const LfsObjects&) = delete;

    /// True when all objects are there and the attempt may have them; false when they are still on
    /// the way after `wait`: the fetch goes on, ask again. Errors name the path: `lfs_too_large`,
    /// `lfs_missing`, `lfs_mismatch`, `lfs_forbidden`, `lfs_denied`, `lfs_unreachable`. Any
    /// coroutine.
    boost::asio::awaitable<Result<bool>> bring(Wanted wanted, std::chrono::milliseconds wait);
    /// Whether bring() has given the object to the attempt. Of this process's time only: a runner
    /// that is told no asks anew.
    bool may_read(AttemptId attempt, const std::string& digest) const;
    /// Ends transfers. Any thread.
    void stop();

    /// Fetched since start.
    std::int64_t fetched() const;
    std::int64_t fetched_bytes() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sluice::core
