#include "pipelines/plan/advance.hpp"

#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/inputs.hpp"
#include "pipelines/plan/job_index.hpp"
#include "pipelines/plan/late.hpp"
#include "pipelines/plan/matrix_limits.hpp"

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

DueMatrix evaluate_axes(const PlannedJob& job, std::size_t index, const expr::Value& needs) {
    DueMatrix out{index, {}, ""};
    for (const LateAxis& axis : job.axes) {
        auto values = evaluate_list(axis.text, needs);
        if (values) {
            out.values[axis.name] = std::move(*values);
            continue;
        }
        out.failure =
            fmt::format("`matrix.{}` cannot be evaluated: {}", axis.name, values.error().message);
        break;
    }
    return out;
}

class Advance {
public:
    Advance(std::span<const JobNow> jobs, const OutputsOf& outputs)
        : jobs_(jobs), index_(jobs), outputs_of_(outputs) {
        states_.reserve(jobs.size());
        for (const JobNow& job : jobs) {
            states_.push_back(job.state);
            loads_.add(*job.planned, job.state);
        }
    }

    std::vector<DueMatrix> due() {
        std::vector<DueMatrix> out;
        for (std::size_t i = 0; i < jobs_.size(); ++i) {
            const PlannedJob& planned = *jobs_[i].planned;
            if (planned.axes.empty() || !planned.selected || states_[i] != JobState::waiting)
                continue;
            const std::set<Names> read = late_reads(planned);
            std::set<std::string> ids;
            for (const Names& names : read) ids.insert(names.front());
            const auto is_there = [&](const std::string& id) {
                const Cells& cells = cells_read(planned, id);
                const JobState result = result_of(cells);
                return has_ended(cells) && result != JobState::not_selected &&
                       (planned.when != When::success || !is_bad(result));
            };
            // What it does without a list, advance() decides.
            if (!std::all_of(ids.begin(), ids.end(), is_there) || not_produced(planned, read))
                continue;
            out.push_back(evaluate_axes(planned, i, needs_of(planned, ids)));
        }
        return out;
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
                loads_.change(*jobs_[i].planned, states_[i]);
                out_.push_back(std::move(*next));
                changed = true;
            }
        }
        return std::move(out_);
    }

    Cells cells_of(std::size_t reader, const std::string& id) {
        return cells_read(*jobs_[reader].planned, id);
    }

private:
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
        if (const Need* need = need_of(planned, id)) return index_.cells(*need, planned.spec.base);
        // What a caller passes on is made by a job inside, in the cells that are needed; and a job
        // sees those of its own expansion.
        Need inside{id};
        for (const Need& need : planned.needs)
            if (is_inside(id, need.job))
                inside.matrix.insert(need.matrix.begin(), need.matrix.end());
        for (const CallerCell& cell : planned.callers)
            if (is_inside(id, cell.caller))
                inside.matrix.insert(cell.matrix.begin(), cell.matrix.end());
        return index_.cells(inside, planned.spec.base);
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
        if (!loads_.has_room(planned)) return std::nullopt;
        std::set<Names> read;
        std::set<std::string> ids(planned.reads.begin(), planned.reads.end());
        if (!planned.late_if.empty() || !planned.late.empty() || !planned.axes.empty())
            read = late_reads(planned);
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
        if (auto reason = input_missing(planned))
            return Transition{job, JobEvent::block, std::move(*reason)};
        return late(job, ids, read);
    }

    /// A6 step 6: files that the job cannot do without.
    std::optional<std::string> input_missing(const PlannedJob& planned) {
        if (!outputs_of_) return std::nullopt;
        for (const auto& [name, input] : planned.spec.inputs) {
            const auto source = input_source(input.from);
            const bool must = source && std::find(planned.reads.begin(), planned.reads.end(),
                                                  source->job) != planned.reads.end();
            if (!must || input.optional) continue;
            for (const std::size_t i : cells_read(planned, source->job)) {
                if (states_[i] == JobState::not_selected || outputs(i).contains(source->output))
                    continue;
                return fmt::format("`{}` {} without its output `{}`, which this job takes",
                                   jobs_[i].planned->spec.id, verb(states_[i]), source->output);
            }
        }
        return std::nullopt;
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
        if (planned.late_if.empty() && planned.late.empty() && planned.axes.empty()) return next;
        if (auto reason = not_produced(planned, read))
            return {job, JobEvent::block, std::move(*reason)};
        // Who records the end of the last list makes the cells with it, so they stand here instead.
        if (!planned.axes.empty()) return {job, JobEvent::error, "its cells were not made"};
        const expr::Value values = needs_of(planned, ids);
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

    expr::Value needs_of(const PlannedJob& planned, const std::set<std::string>& ids) {
        std::vector<expr::Field> needs;
        for (const std::string& id : ids) needs.push_back({id, value_of(planned, id)});
        return expr::Value::object(std::move(needs));
    }

    expr::Value value_of(const PlannedJob& planned, const std::string& id) {
        const Cells& cells = cells_read(planned, id);
        if (std::any_of(cells.begin(), cells.end(),
                        [&](std::size_t i) { return caller_cell(i, id) != nullptr; }))
            return value_of_caller(cells, id);
        std::vector<CellFacts> facts;
        for (const std::size_t i : cells)
            facts.push_back({&jobs_[i].planned->spec, states_[i], &outputs(i)});
        return need_value(result_of(cells), facts);
    }

    const CallerCell* caller_cell(std::size_t job, const std::string& caller) const {
        const auto& callers = jobs_[job].planned->callers;
        const auto found =
            std::find_if(callers.begin(), callers.end(),
                         [&](const CallerCell& cell) { return cell.caller == caller; });
        return found == callers.end() ? nullptr : &*found;
    }

    /// A caller with a matrix: its cells are expansions, each with the outputs that jobs in it
    /// give.
    expr::Value value_of_caller(const Cells& jobs, const std::string& caller) {
        struct Expansion {
            model::JobSpec spec;
            Outputs outputs;
            Cells jobs;
        };
        std::vector<Expansion> expansions;
        for (const std::size_t i : jobs) {
            const CallerCell* cell = caller_cell(i, caller);
            if (cell == nullptr) continue;
            auto at = std::find_if(
                expansions.begin(), expansions.end(),
                [&](const Expansion& known) { return known.spec.matrix == cell->matrix; });
            if (at == expansions.end()) {
                at = expansions.emplace(expansions.end());
                at->spec.matrix = cell->matrix;
            }
            at->jobs.push_back(i);
            for (const std::string& name : cell->gives) {
                const auto& declared = jobs_[i].planned->spec.outputs;
                if (const auto output = declared.find(name); output != declared.end())
                    at->spec.outputs.insert(*output);
                if (const auto value = outputs(i).find(name); value != outputs(i).end())
                    at->outputs.insert(*value);
            }
        }
        std::vector<CellFacts> facts;
        for (const Expansion& expansion : expansions)
            facts.push_back({&expansion.spec, result_of(expansion.jobs), &expansion.outputs});
        return need_value(result_of(jobs), facts);
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
    JobIndex index_;
    const OutputsOf& outputs_of_;
    std::vector<JobState> states_;
    Loads loads_;
    std::map<std::size_t, Outputs> outputs_;  ///< of jobs that were read
    std::vector<Transition> out_;
};

}  // namespace

bool starts_at_once(const PlannedJob& job) {
    return job.selected && job.needs.empty() && job.late_if.empty() &&
           job.when == model::When::success && job.unsupported.empty() && !job.spec.approval &&
           !job.spec.environment && job.max_parallel == 0 &&
           std::none_of(job.callers.begin(), job.callers.end(),
                        [](const CallerCell& cell) { return cell.max_parallel > 0; });
}

std::vector<std::size_t> cells_read(std::span<const JobNow> jobs, std::size_t reader,
                                    const std::string& id) {
    const OutputsOf none;
    return Advance(jobs, none).cells_of(reader, id);
}

std::vector<Transition> advance(std::span<const JobNow> jobs, const model::Event& /*event*/,
                                bool run_cancelled, const OutputsOf& outputs) {
    return Advance(jobs, outputs).run(run_cancelled);
}

std::vector<DueMatrix> due_matrices(std::span<const JobNow> jobs, const OutputsOf& outputs) {
    return Advance(jobs, outputs).due();
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
