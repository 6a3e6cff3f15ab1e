#include "pipelines/plan/advance.hpp"

#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace sluice::plan {
namespace {

using model::JobEvent;
using model::JobState;
using model::When;

/// A6 step 11: the state of a matrix job is that of its worst cell.
int badness(JobState state) {
    switch (state) {
        case JobState::errored: return 6;
        case JobState::failed: return 5;
        case JobState::cancelled: return 4;
        case JobState::blocked: return 3;
        case JobState::warned: return 2;
        case JobState::passed: return 1;
        case JobState::not_selected:
        case JobState::waiting:
        case JobState::held:
        case JobState::ready:
        case JobState::running: return 0;
    }
    return 0;
}

bool is_bad(JobState state) {
    return badness(state) >= badness(JobState::blocked);
}

class Advance {
public:
    explicit Advance(std::span<const JobNow> jobs) : jobs_(jobs) {
        states_.reserve(jobs.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            states_.push_back(jobs[i].state);
            cells_[jobs[i].planned->spec.base].push_back(i);
        }
        for (const auto& [base, cells] : cells_)
            for (std::size_t at = base.find('/'); at != std::string::npos;
                 at = base.find('/', at + 1))
                append(groups_[base.substr(0, at)], cells);
        for (auto& [id, jobs_inside] : groups_)
            if (const auto own = cells_.find(id); own != cells_.end())
                append(jobs_inside, own->second);
    }

    std::vector<Transition> run(bool run_cancelled) {
        // One pass follows the plan's order; the second confirms it, more are needed only for other
        // orders.
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t i = 0; i < jobs_.size(); ++i) {
                if (states_[i] != JobState::waiting) continue;
                auto next =
                    run_cancelled
                        ? std::optional(Transition{i, JobEvent::cancel, "the run was cancelled"})
                        : decide(i);
                if (!next) continue;
                states_[i] = model::next_state(JobState::waiting, next->event).value();
                out_.push_back(std::move(*next));
                changed = true;
            }
        }
        return std::move(out_);
    }

private:
    static void append(std::vector<std::size_t>& to, const std::vector<std::size_t>& more) {
        to.insert(to.end(), more.begin(), more.end());
    }

    /// The cells of a job with all that it called or generated; for one of these the job alone.
    const std::vector<std::size_t>& cells_of(const std::string& base,
                                             const std::string& reader) const {
        static const std::vector<std::size_t> none;
        if (!is_inside(reader, base))
            if (const auto group = groups_.find(base); group != groups_.end()) return group->second;
        const auto found = cells_.find(base);
        return found == cells_.end() ? none : found->second;
    }

    bool has_ended(const std::string& base, const std::string& reader) const {
        const auto& cells = cells_of(base, reader);
        return std::all_of(cells.begin(), cells.end(),
                           [&](std::size_t i) { return model::is_terminal(states_[i]); });
    }

    /// The worst cell; a job that this event did not bring reads as not_selected.
    JobState result_of(const std::string& base, const std::string& reader) const {
        JobState worst = JobState::not_selected;
        for (const std::size_t i : cells_of(base, reader))
            if (badness(states_[i]) > badness(worst)) worst = states_[i];
        return worst;
    }

    std::optional<Transition> decide(std::size_t job) {
        const PlannedJob& planned = *jobs_[job].planned;
        if (!planned.selected) return Transition{job, JobEvent::deselect, planned.reason};
        // Whoever plans refuses such a run as a whole; a job that came this far must not start as
        // if nothing were missing.
        if (!planned.unsupported.empty())
            return Transition{job, JobEvent::error, planned.unsupported.front()};
        const std::string& base = planned.spec.base;
        for (const Need& need : planned.needs)
            if (!has_ended(need.job, base)) return std::nullopt;
        const auto read = planned.late_if.empty() ? std::vector<std::string>{}
                                                  : ids_read(planned.late_if, "needs");
        for (const std::string& id : read)
            if (!has_ended(id, base)) return std::nullopt;

        if (auto not_needed = unread_output(job)) return not_needed;
        switch (planned.when) {
            case When::success:
                for (const Need& need : planned.needs)
                    if (is_bad(result_of(need.job, base)))
                        return Transition{job, JobEvent::block, blocked_by(need.job, base)};
                break;
            case When::failure:
                if (!ancestor_failed(planned))
                    return Transition{job, JobEvent::deselect,
                                      "nothing that it waits for has failed"};
                break;
            case When::always: break;
        }
        return late(job, read);
    }

    /// A6 step 4, for results that were not known when the plan was made.
    std::optional<Transition> unread_output(std::size_t job) const {
        const PlannedJob& planned = *jobs_[job].planned;
        for (const std::string& id : planned.reads) {
            const auto need = std::find_if(planned.needs.begin(), planned.needs.end(),
                                           [&](const Need& n) { return n.job == id; });
            const bool optional = need != planned.needs.end() && need->optional;
            if (!optional && result_of(id, planned.spec.base) == JobState::not_selected)
                return Transition{
                    job, JobEvent::deselect,
                    fmt::format("`{}` was not needed, and this job reads its outputs", id)};
        }
        return std::nullopt;
    }

    Transition late(std::size_t job, const std::vector<std::string>& read) const {
        const PlannedJob& planned = *jobs_[job].planned;
        std::map<std::string, JobState> needs;
        for (const std::string& id : read) needs[id] = result_of(id, planned.spec.base);
        const auto holds = evaluate_late_if(planned.late_if, needs);
        if (!holds)
            return {job, JobEvent::fail,
                    fmt::format("`if` cannot be evaluated: {}", holds.error().message)};
        if (*holds) return {job, JobEvent::needs_met, ""};
        return {job, JobEvent::deselect, fmt::format("`if` is false: {}", planned.late_if)};
    }

    bool ancestor_failed(const PlannedJob& planned) const {
        std::map<std::string, bool> seen;
        std::vector<const PlannedJob*> open{&planned};
        while (!open.empty()) {
            const PlannedJob* at = open.back();
            open.pop_back();
            for (const Need& need : at->needs) {
                if (std::exchange(seen[need.job], true)) continue;
                for (const std::size_t i : cells_of(need.job, at->spec.base)) {
                    if (states_[i] == JobState::failed || states_[i] == JobState::errored)
                        return true;
                    open.push_back(jobs_[i].planned);
                }
            }
        }
        return false;
    }

    /// Names the job where the trouble began, not the neighbour that was only blocked by it.
    std::string blocked_by(const std::string& base, std::string reader) const {
        std::string via = base;
        for (std::size_t hops = 0; hops < jobs_.size(); ++hops) {
            const PlannedJob* blocked = nullptr;
            for (const std::size_t i : cells_of(via, reader)) {
                if (is_bad(states_[i]) && states_[i] != JobState::blocked)
                    return fmt::format("`{}` {}", jobs_[i].planned->spec.id, verb(states_[i]));
                if (states_[i] == JobState::blocked) blocked = jobs_[i].planned;
            }
            if (blocked == nullptr) break;
            const auto cause = std::find_if(
                blocked->needs.begin(), blocked->needs.end(),
                [&](const Need& need) { return is_bad(result_of(need.job, blocked->spec.base)); });
            if (cause == blocked->needs.end()) break;
            reader = blocked->spec.base;
            via = cause->job;
        }
        return fmt::format("`{}` was blocked", base);
    }

    static std::string_view verb(JobState state) {
        if (state == JobState::failed) return "failed";
        if (state == JobState::errored) return "could not be carried out";
        return "was cancelled";
    }

    std::span<const JobNow> jobs_;
    std::vector<JobState> states_;
    std::map<std::string, std::vector<std::size_t>> cells_;
    std::map<std::string, std::vector<std::size_t>> groups_;  ///< of ids that others begin with
    std::vector<Transition> out_;
};

}  // namespace

bool starts_at_once(const PlannedJob& job) {
    return job.selected && job.needs.empty() && job.late_if.empty() &&
           job.when == model::When::success && job.unsupported.empty() && !job.spec.approval;
}

std::vector<Transition> advance(std::span<const JobNow> jobs, const model::Event& /*event*/,
                                bool run_cancelled) {
    return Advance(jobs).run(run_cancelled);
}

model::RunState run_state(std::span<const JobNow> jobs) {
    JobState worst = JobState::not_selected;
    for (const JobNow& job : jobs) {
        if (!model::is_terminal(job.state)) return model::RunState::active;
        if (badness(job.state) > badness(worst)) worst = job.state;
    }
    switch (worst) {
        case JobState::errored: return model::RunState::errored;
        case JobState::failed:
        case JobState::blocked: return model::RunState::failed;
        case JobState::cancelled: return model::RunState::cancelled;
        case JobState::warned: return model::RunState::warned;
        case JobState::passed:
        case JobState::not_selected:
        case JobState::waiting:
        case JobState::held:
        case JobState::ready:
        case JobState::running: return model::RunState::passed;
    }
    return model::RunState::passed;
}

}  // namespace sluice::plan
