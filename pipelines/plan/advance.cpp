#include "pipelines/plan/advance.hpp"

#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/late.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

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

using Cells = std::vector<std::size_t>;

/// Who stands where: cells by the job they belong to, and by the values of their matrix.
class Index {
public:
    explicit Index(std::span<const JobNow> jobs) : jobs_(jobs) {
        for (std::size_t i = 0; i < jobs.size(); ++i)
            by_base_[jobs[i].planned->spec.base].push_back(i);
        for (const auto& [base, cells] : by_base_)
            for (std::size_t at = base.find('/'); at != std::string::npos;
                 at = base.find('/', at + 1))
                append(groups_[base.substr(0, at)], cells);
        for (auto& [id, inside] : groups_)
            if (const auto own = by_base_.find(id); own != by_base_.end())
                append(inside, own->second);
    }

    /// The cells of a job with all that it called or generated; for one of these the job alone.
    const Cells& cells(const std::string& id, const std::string& reader) const {
        if (!is_inside(reader, id))
            if (const auto group = groups_.find(id); group != groups_.end()) return group->second;
        static const Cells none;
        const auto found = by_base_.find(id);
        return found == by_base_.end() ? none : found->second;
    }

    /// The cells that the need means to the reader. Every axis is looked through once, not once per
    /// need: a matrix of 256 cells that needs another one cell by cell would cost 65,536 looks per
    /// call.
    const Cells& cells(const Need& need, const std::string& reader) {
        const Cells& all = cells(need.job, reader);
        if (need.matrix.empty()) return all;
        std::string key = need.job, values;
        for (const auto& [axis, value] : need.matrix) {
            key += '\n' + axis;
            values += '\n' + value;
        }
        auto [found, is_new] = by_axes_.try_emplace(key);
        if (is_new)
            for (const std::size_t i : all)
                if (auto own = values_of(i, need.matrix)) found->second[*own].push_back(i);
        return found->second[values];
    }

private:
    static void append(Cells& to, const Cells& more) {
        to.insert(to.end(), more.begin(), more.end());
    }

    std::optional<std::string> values_of(std::size_t job,
                                         const std::map<std::string, std::string>& axes) const {
        std::string out;
        const auto& matrix = jobs_[job].planned->spec.matrix;
        for (const auto& [axis, ignored] : axes) {
            const auto own = matrix.find(axis);
            if (own == matrix.end()) return std::nullopt;
            out += '\n' + own->second;
        }
        return out;
    }

    std::span<const JobNow> jobs_;
    std::map<std::string, Cells> by_base_;
    std::map<std::string, Cells> groups_;  ///< of ids that others begin with
    std::map<std::string, std::map<std::string, Cells>> by_axes_;
};

class Advance {
public:
    Advance(std::span<const JobNow> jobs, const OutputsOf& outputs)
        : jobs_(jobs), index_(jobs), outputs_of_(outputs) {
        states_.reserve(jobs.size());
        for (const JobNow& job : jobs) {
            states_.push_back(job.state);
            if (job.planned->max_parallel > 0 && is_active(job.state))
                ++active_[job.planned->spec.base];
        }
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
                if (jobs_[i].planned->max_parallel > 0 && is_active(states_[i]))
                    ++active_[jobs_[i].planned->spec.base];
                out_.push_back(std::move(*next));
                changed = true;
            }
        }
        return std::move(out_);
    }

private:
    static bool is_active(JobState state) {
        return state != JobState::waiting && !model::is_terminal(state);
    }

    bool has_ended(const Cells& cells) const {
        return std::all_of(cells.begin(), cells.end(),
                           [&](std::size_t i) { return model::is_terminal(states_[i]); });
    }

    /// The worst cell; a job that this event did not bring reads as not_selected.
    JobState result_of(const Cells& cells) const {
        JobState worst = JobState::not_selected;
        for (const std::size_t i : cells)
            if (badness(states_[i]) > badness(worst)) worst = states_[i];
        return worst;
    }

    static const Need* need_of(const PlannedJob& planned, const std::string& id) {
        const auto need = std::find_if(planned.needs.begin(), planned.needs.end(),
                                       [&](const Need& n) { return n.job == id; });
        return need == planned.needs.end() ? nullptr : &*need;
    }

    /// What `needs.ID` means to the job: the cells it needs, or all of a farther ancestor.
    const Cells& cells_read(const PlannedJob& planned, const std::string& id) {
        const Need* need = need_of(planned, id);
        return need == nullptr ? index_.cells(id, planned.spec.base)
                               : index_.cells(*need, planned.spec.base);
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
            if (!has_ended(index_.cells(need, base))) return std::nullopt;
        if (planned.max_parallel > 0 && active_[base] >= planned.max_parallel) return std::nullopt;
        std::set<Names> read;
        std::set<std::string> ids(planned.reads.begin(), planned.reads.end());
        if (!planned.late_if.empty() || !planned.late.empty()) read = late_reads(planned);
        for (const Names& names : read)
            if (!names.empty()) ids.insert(names.front());
        // An ancestor may outlive the need that waits for it: one that was not selected never did.
        for (const std::string& id : ids)
            if (!has_ended(cells_read(planned, id))) return std::nullopt;

        if (auto not_needed = unread_output(job)) return not_needed;
        switch (planned.when) {
            case When::success:
                for (const Need& need : planned.needs)
                    if (is_bad(result_of(index_.cells(need, base))))
                        return Transition{job, JobEvent::block, blocked_by(need, base)};
                break;
            case When::failure:
                if (!ancestor_failed(planned))
                    return Transition{job, JobEvent::deselect,
                                      "nothing that it waits for has failed"};
                break;
            case When::always: break;
        }
        return late(job, ids, read);
    }

    /// A6 step 4, for results that were not known when the plan was made.
    std::optional<Transition> unread_output(std::size_t job) {
        const PlannedJob& planned = *jobs_[job].planned;
        for (const std::string& id : planned.reads) {
            const Need* need = need_of(planned, id);
            const bool optional = need != nullptr && need->optional;
            if (!optional && result_of(cells_read(planned, id)) == JobState::not_selected)
                return Transition{
                    job, JobEvent::deselect,
                    fmt::format("`{}` was not needed, and this job reads its outputs", id)};
        }
        return std::nullopt;
    }

    /// A6 step 6: `if`, outputs that are not there, then everything else that reads `needs`.
    Transition late(std::size_t job, const std::set<std::string>& ids,
                    const std::set<Names>& read) {
        const PlannedJob& planned = *jobs_[job].planned;
        Transition next{job, JobEvent::needs_met, ""};
        if (planned.late_if.empty() && planned.late.empty()) return next;
        std::vector<expr::Field> needs;
        for (const std::string& id : ids) needs.push_back({id, value_of(planned, id)});
        const expr::Value values = expr::Value::object(std::move(needs));
        if (auto reason = not_produced(planned, read))
            return {job, JobEvent::block, std::move(*reason)};
        const auto holds = evaluate_late_if(planned.late_if, values);
        if (!holds)
            return {job, JobEvent::fail,
                    fmt::format("`if` cannot be evaluated: {}", holds.error().message)};
        if (!*holds)
            return {job, JobEvent::deselect, fmt::format("`if` is false: {}", planned.late_if)};
        if (planned.late.empty()) return next;
        auto spec = complete(planned, values);
        if (!spec) return {job, JobEvent::fail, spec.error().message};
        next.spec = std::move(*spec);
        return next;
    }

    expr::Value value_of(const PlannedJob& planned, const std::string& id) {
        const Cells& cells = cells_read(planned, id);
        std::vector<CellFacts> facts;
        for (const std::size_t i : cells)
            facts.push_back({&jobs_[i].planned->spec, states_[i], &outputs(i)});
        return need_value(result_of(cells), facts);
    }

    const Outputs& outputs(std::size_t job) {
        const auto [found, is_new] = outputs_.try_emplace(job);
        if (is_new && outputs_of_) found->second = outputs_of_(job);
        return found->second;
    }

    /// Why an output that the job cannot do without is not there.
    std::optional<std::string> not_produced(const PlannedJob& planned,
                                            const std::set<Names>& read) {
        for (const Names& names : read) {
            if (names.size() < 3 || names[1] != "outputs") continue;
            const bool must = std::find(planned.reads.begin(), planned.reads.end(), names[0]) !=
                              planned.reads.end();
            const Cells& cells = cells_read(planned, names[0]);
            if (!must || cells.size() != 1 || outputs(cells.front()).contains(names[2])) continue;
            return fmt::format("`{}` {} without its output `{}`, which this job reads",
                               jobs_[cells.front()].planned->spec.id, verb(states_[cells.front()]),
                               names[2]);
        }
        return std::nullopt;
    }

    bool ancestor_failed(const PlannedJob& planned) {
        std::set<std::size_t> seen;
        std::vector<const PlannedJob*> open{&planned};
        while (!open.empty()) {
            const PlannedJob* at = open.back();
            open.pop_back();
            for (const Need& need : at->needs) {
                for (const std::size_t i : index_.cells(need, at->spec.base)) {
                    if (!seen.insert(i).second) continue;
                    if (states_[i] == JobState::failed || states_[i] == JobState::errored)
                        return true;
                    open.push_back(jobs_[i].planned);
                }
            }
        }
        return false;
    }

    /// Names the job where the trouble began, not the neighbour that was only blocked by it.
    std::string blocked_by(const Need& need, std::string reader) {
        const Need* via = &need;
        for (std::size_t hops = 0; hops < jobs_.size(); ++hops) {
            const PlannedJob* blocked = nullptr;
            for (const std::size_t i : index_.cells(*via, reader)) {
                if (is_bad(states_[i]) && states_[i] != JobState::blocked)
                    return fmt::format("`{}` {}", jobs_[i].planned->spec.id, verb(states_[i]));
                if (states_[i] == JobState::blocked) blocked = jobs_[i].planned;
            }
            if (blocked == nullptr) break;
            const auto cause =
                std::find_if(blocked->needs.begin(), blocked->needs.end(), [&](const Need& other) {
                    return is_bad(result_of(index_.cells(other, blocked->spec.base)));
                });
            if (cause == blocked->needs.end()) break;
            reader = blocked->spec.base;
            via = &*cause;
        }
        return fmt::format("`{}` was blocked", need.job);
    }

    static std::string_view verb(JobState state) {
        switch (state) {
            case JobState::failed: return "failed";
            case JobState::errored: return "could not be carried out";
            case JobState::cancelled: return "was cancelled";
            case JobState::blocked: return "was blocked";
            case JobState::not_selected: return "was not needed";
            case JobState::passed: return "passed";
            case JobState::warned:
            case JobState::waiting:
            case JobState::held:
            case JobState::ready:
            case JobState::running: return "ended";
        }
        return "ended";
    }

    std::span<const JobNow> jobs_;
    Index index_;
    const OutputsOf& outputs_of_;
    std::vector<JobState> states_;
    std::map<std::string, int> active_;       ///< cells that are held, ready or running, by base
    std::map<std::size_t, Outputs> outputs_;  ///< of jobs that were read
    std::vector<Transition> out_;
};

}  // namespace

bool starts_at_once(const PlannedJob& job) {
    return job.selected && job.needs.empty() && job.late_if.empty() &&
           job.when == model::When::success && job.unsupported.empty() && !job.spec.approval &&
           job.max_parallel == 0;
}

std::vector<Transition> advance(std::span<const JobNow> jobs, const model::Event& /*event*/,
                                bool run_cancelled, const OutputsOf& outputs) {
    return Advance(jobs, outputs).run(run_cancelled);
}

std::vector<FailFast> fail_fast(std::span<const JobNow> jobs) {
    std::map<std::string, const PlannedJob*> failed;
    for (const JobNow& job : jobs)
        if (job.planned->fail_fast &&
            (job.state == JobState::failed || job.state == JobState::errored))
            failed.try_emplace(job.planned->spec.base, job.planned);
    std::vector<FailFast> out;
    if (failed.empty()) return out;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (model::is_terminal(jobs[i].state)) continue;
        const auto found = failed.find(jobs[i].planned->spec.base);
        if (found == failed.end()) continue;
        out.push_back({i, fmt::format("`{}` failed, and `fail_fast` ends the other cells",
                                      found->second->spec.id)});
    }
    return out;
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
