#pragma once
/// One run per change (reference A2): what an open pull request means for pushes to its branch, and
/// which runs a newer event of the same change supersedes.

#include "pipelines/plan/plan.hpp"
#include "server/core/lifecycle.hpp"
#include "server/store/pull_requests.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sluice::core {

/// The open pull requests in memory. Any thread; follows commits.
class PullRequests {
public:
    explicit PullRequests(const std::vector<store::PullRequestRow>& rows);

    /// Keeps what a pull request's event says, inside a closure: an open one is remembered, a
    /// closed one (`open` false) forgotten.
    void record(store::Tx& tx, ProjectId project, const model::Event& event, bool open);

    /// The event of an open pull request of this repository (no fork) whose source is `branch`.
    std::optional<model::Event> of_branch(ProjectId project, std::string_view branch) const;

private:
    using Key = std::pair<ProjectId, std::int64_t>;
    mutable std::mutex mutex_;
    std::map<Key, model::Event> open_;
};

/// Why the push needs no run of its own, because the pull request's run stands for it; nothing when
/// it does: the default branch, a gate's branch, `with_pr: true`, no open pull request, or a file
/// that does not react to pull requests. `input` is the push's, `plan` what came of it.
std::optional<std::string> covered_by_pull_request(const PullRequests& open, ProjectId project,
                                                   const plan::Input& input,
                                                   const plan::Plan& plan);

/// Cancels the active push runs of a pull request's source branch that `run`, just created for it,
/// stands for; not those of a gate's branch or with `with_pr`. Inside the closure that created it.
/// Older runs of the pull request itself give way by the concurrency of its runs; here only when
/// the new one is held or has no plan and so asks for no slot.
void supersede(store::Tx& tx, Lifecycle& lifecycle, const NewRun& fresh, RunId run,
               std::string_view default_branch);

}  // namespace sluice::core
