#include "pipelines/plan/matrix_limits.hpp"

#include "pipelines/plan/advance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::plan {
namespace {

using model::JobState;

bool is_active(JobState state) {
    return state != JobState::waiting && !model::is_terminal(state);
}

/// Has taken a place among the cells of its caller: one that is not needed takes none.
bool has_begun(JobState state) {
    return state != JobState::waiting && state != JobState::not_selected &&
           state != JobState::blocked && state != JobState::cancelled;
}

std::string values_of(const CallerCell& cell) {
    std::string out;
    for (const auto& [axis, value] : cell.matrix) out += '\n' + axis + '\n' + value;
    return out;
}

/// The expansion in which the first `callers` of the job put it.
std::string expansion_of(const PlannedJob& job, std::size_t callers) {
    std::string out;
    for (std::size_t i = 0; i < callers; ++i) out += values_of(job.callers[i]);
    return out;
}

/// Where cells of the job's own matrix count together.
std::string own_group(const PlannedJob& job) {
    return job.spec.base + expansion_of(job, job.callers.size());
}

/// Where cells of one of its callers count together.
std::string caller_group(const PlannedJob& job, std::size_t caller) {
    return job.callers[caller].caller + expansion_of(job, caller);
}

bool has_failed(JobState state) {
    return state == JobState::failed || state == JobState::errored;
}

}  // namespace

void Loads::add(const PlannedJob& job, JobState state) {
    if (job.max_parallel > 0 && is_active(state)) ++active_[own_group(job)];
    count(job, state, model::is_terminal(state) ? 0 : 1);
}

void Loads::change(const PlannedJob& job, JobState state) {
    if (job.max_parallel > 0 && is_active(state)) ++active_[own_group(job)];
    count(job, state, model::is_terminal(state) ? -1 : 0);
}

void Loads::count(const PlannedJob& job, JobState state, int opened) {
    for (std::size_t i = 0; i < job.callers.size(); ++i) {
        if (job.callers[i].max_parallel == 0) continue;
        Caller& caller = callers_[caller_group(job, i)];
        Expansion& expansion = caller.expansions[values_of(job.callers[i])];
        const bool was_active = expansion.is_active();
        expansion.open += opened;
        expansion.going += is_active(state) ? 1 : 0;
        expansion.has_begun |= has_begun(state);
        caller.active += (expansion.is_active() ? 1 : 0) - (was_active ? 1 : 0);
    }
}

bool Loads::has_room(const PlannedJob& job) const {
    if (job.max_parallel > 0)
        if (const auto active = active_.find(own_group(job));
            active != active_.end() && active->second >= job.max_parallel)
            return false;
    for (std::size_t i = 0; i < job.callers.size(); ++i) {
        if (job.callers[i].max_parallel == 0) continue;
        const auto caller = callers_.find(caller_group(job, i));
        if (caller != callers_.end() &&
            !caller->second.has_room(values_of(job.callers[i]), job.callers[i].max_parallel))
            return false;
    }
    return true;
}

bool Loads::Caller::has_room(const std::string& cell, int limit) const {
    if (active < limit) return true;
    const auto own = expansions.find(cell);
    if (own == expansions.end() || !own->second.has_begun) return false;
    if (active == limit || own->second.going > 0) return true;
    // Of a retry more have begun than may: each has jobs that had passed before. Those that go on
    // come first, then the others in their order.
    int taken = 0;
    bool is_before = true;
    for (const auto& [other, expansion] : expansions) {
        if (other == cell)
            is_before = false;
        else if (expansion.is_active() && (expansion.going > 0 || is_before))
            ++taken;
    }
    return taken < limit;
}

bool may_end_others(const PlannedJob& job) {
    return job.fail_fast || std::any_of(job.callers.begin(), job.callers.end(),
                                        [](const CallerCell& cell) { return cell.fail_fast; });
}

std::vector<FailFast> fail_fast(std::span<const JobNow> jobs) {
    // By what counts together: the first that failed. Of a caller, by its cell.
    std::map<std::string, const PlannedJob*> failed;
    std::map<std::string, std::map<std::string, const PlannedJob*>> failed_expansions;
    for (const JobNow& job : jobs) {
        if (!has_failed(job.state)) continue;
        if (job.planned->fail_fast) failed.try_emplace(own_group(*job.planned), job.planned);
        for (std::size_t i = 0; i < job.planned->callers.size(); ++i)
            if (const CallerCell& cell = job.planned->callers[i]; cell.fail_fast)
                failed_expansions[caller_group(*job.planned, i)].try_emplace(values_of(cell),
                                                                             job.planned);
    }
    std::vector<FailFast> out;
    if (failed.empty() && failed_expansions.empty()) return out;
    const auto cause_of = [&](const PlannedJob& job) -> const PlannedJob* {
        if (const auto found = failed.find(own_group(job)); found != failed.end())
            return found->second;
        for (std::size_t i = 0; i < job.callers.size(); ++i) {
            const auto found = failed_expansions.find(caller_group(job, i));
            if (found == failed_expansions.end()) continue;
            for (const auto& [values, cause] : found->second)
                if (values != values_of(job.callers[i])) return cause;
        }
        return nullptr;
    };
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (model::is_terminal(jobs[i].state)) continue;
        if (const PlannedJob* cause = cause_of(*jobs[i].planned))
            out.push_back({i, fmt::format("`{}` failed, and `fail_fast` ends the other cells",
                                          cause->spec.id)});
    }
    return out;
}

}  // namespace sluice::plan
