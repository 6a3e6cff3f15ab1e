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

std::string job_key(const store::Job& job) {
    return job.shard_of.empty() ? job.key : job.shard_of;
}

BaselineJob baseline_job(store::Tx& tx, store::Job job, store::Run run) {
    BaselineJob out;
    out.name = fmt::format("run {} of {} ({})", run.number,
                           run.branch.empty() ? run.tag : run.branch, run.sha.substr(0, 7));
    out.jobs = job.shard_of.empty() ? std::vector<store::Job>{job}
                                    : store::shards_of(tx, job.run, job.shard_of);
    out.job = std::move(job);
    out.run = std::move(run);
    return out;
}

std::optional<BaselineJob> find_baseline(store::Tx& tx, const store::Run& run,
                                         const store::Job& job, const std::string& base_sha,
                                         const std::string& default_branch) {
    store::BaseJobFilter filter{.project = run.project,
                                .key = job_key(job),
                                .before = run.id,
                                .sha = base_sha,
                                .branch = {}};
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
    return baseline_job(tx, std::move(*base), std::move(*of));
}

}  // namespace sluice::core
