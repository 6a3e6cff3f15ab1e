#pragma once
/// The end of a job that brings further jobs (engine rule 19): they are planned here, before the
/// closure that records the end and inserts them.

#include "pipelines/plan/outputs.hpp"
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

/// The cells of a matrix whose last list this end brings.
struct MadeCells {
    std::string job;  ///< base id of the job that stands for them
    std::vector<plan::PlannedJob> cells;
    std::string failure;  ///< not empty: why they cannot be made; that job has failed
};

struct Grown {
    bool is_planned = false;  ///< the attempt's generated fragment was looked at
    std::vector<plan::PlannedJob> jobs;
    std::vector<MadeCells> matrices;
    std::string failure;             ///< not empty: the job has failed by its configuration
    std::string diagnostics = "[]";  ///< JSON array, for the run
};

/// The outputs that the job declares, of their types. A runner sends no others; an agent that does
/// must not put text where a digest is expected.
plan::Outputs known_outputs(const model::JobSpec& spec, const protocol::FinishRequest& request);

class Growth {
public:
    struct Parts {
        store::Readers& readers;
        runtime::Pool& pool;
        git::GitService& git;
        ProjectDirectory& projects;
    };
    explicit Growth(Parts parts) : parts_(parts) {}

    /// What this finish brings: what the job has generated, and cells of jobs whose matrix waits
    /// for its outputs. Nothing when it is not the attempt's any more. Refused only when git cannot
    /// be read now: the runner tries again.
    boost::asio::awaitable<Result<Grown>> plan(AttemptId attempt,
                                               const protocol::FinishRequest& request);

private:
    /// The fragments of the run's commit that the generated one names.
    boost::asio::awaitable<Result<>> read_fragments(const git::Repo& repo, plan::Input& input,
                                                    const plan::SourceFile& generated);
    boost::asio::awaitable<Result<>> read_tree(const git::Repo& repo, plan::Input& input,
                                               std::vector<plan::SourceFile> files);

    Parts parts_;
};

}  // namespace sluice::core
