#pragma once
/// The end of a job that brings further jobs (engine rule 19): they are planned here, before the
/// closure that records the end and inserts them.

#include "pipelines/plan/plan.hpp"
#include "pipelines/protocol/agent.hpp"
#include "server/core/projects.hpp"
#include "server/git/git_service.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/readers.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace sluice::core {

struct Grown {
    bool is_planned = false;  ///< the attempt's generated fragment was looked at
    std::vector<plan::PlannedJob> jobs;
    std::string failure;             ///< not empty: the job has failed by its configuration
    std::string diagnostics = "[]";  ///< JSON array, for the run
};

class Growth {
public:
    struct Parts {
        store::Readers& readers;
        runtime::Pool& pool;
        git::GitService& git;
        ProjectDirectory& projects;
    };
    explicit Growth(Parts parts) : parts_(parts) {}

    /// What this finish brings; nothing for a job that generates nothing, has not passed or is not
    /// the attempt's any more. Refused only when git cannot be read now: the runner tries again.
    boost::asio::awaitable<Result<Grown>> plan(AttemptId attempt,
                                               const protocol::FinishRequest& request);

private:
    /// The fragments of the run's commit that the generated one names.
    boost::asio::awaitable<Result<>> read_fragments(const git::Repo& repo, plan::Input& input,
                                                    const plan::SourceFile& generated);

    Parts parts_;
};

}  // namespace sluice::core
