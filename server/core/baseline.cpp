#include "server/core/baseline.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/model/event.hpp"

#include <fmt/format.h>

namespace sluice::core {

std::optional<BaseQuery> base_of(const store::Run& run, const std::string& default_branch) {
    if (run.event_kind == "pull_request" || run.event_kind == "merge_queue")
        return BaseQuery{.base = "", .fallback_branch = run.target_branch};
    if (run.event_kind != "push") return std::nullopt;
    auto value = json::parse(run.event);
    if (!value) return std::nullopt;
    auto event = model::event_from_json(*value, "");
    if (!event) return std::nullopt;
    // The default branch has moved already: its tip says nothing of where the push started.
    BaseQuery out{.base = event->old_sha,
                  .fallback_branch = run.branch == default_branch ? "" : default_branch};
    if (text::is_zero_id(out.base)) out.base.clear();
    return out;
}

std::optional<BaselineJob> find_baseline(store::Tx& tx, const store::Run& run,
                                         const store::Job& job, const std::string& base_sha,
                                         const std::string& default_branch) {
    store::BaseJobFilter filter{
        .project = run.project, .key = job.key, .before = run.id, .sha = base_sha, .branch = {}};
    std::optional<JobId> found;
    if (!base_sha.empty()) found = store::find_base_job(tx, filter);
    if (!found) {
        // No run of that very commit: the newest of the branch that the change goes to.
        filter.sha.clear();
        filter.branch = !run.target_branch.empty() ? run.target_branch
                        : !run.branch.empty()      ? run.branch
                                                   : default_branch;
        found = store::find_base_job(tx, filter);
        if (!found && filter.branch != default_branch) {
            filter.branch = default_branch;
            found = store::find_base_job(tx, filter);
        }
    }
    if (!found) return std::nullopt;
    auto base = store::find_job(tx, *found);
    auto of = base ? store::find_run(tx, base->run) : std::nullopt;
    if (!of) return std::nullopt;
    BaselineJob out;
    out.name = fmt::format("run {} of {} ({})", of->number,
                           of->branch.empty() ? of->tag : of->branch, of->sha.substr(0, 7));
    out.job = std::move(*base);
    out.run = std::move(*of);
    return out;
}

}  // namespace sluice::core
