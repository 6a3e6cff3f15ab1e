#include "pipelines/plan/planner.hpp"

#include "pipelines/plan/gates.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/hash.hpp"
#include "pipelines/plan/late.hpp"
#include "pipelines/plan/lower.hpp"
#include "pipelines/plan/shards.hpp"
#include "pipelines/plan/triggers.hpp"
#include "pipelines/plan/typecheck.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {

using config::File;
using config::MergedJob;
using config::Node;

namespace {

constexpr std::size_t k_max_jobs = 4'000;
// Cells copy what their job has: bounds the plan as a whole (see weight()).
constexpr std::size_t k_max_plan_weight = 1'000'000;
constexpr std::size_t k_max_job_bytes = 512 * 1024;
constexpr std::size_t k_max_plan_bytes = 64u << 20;
// A spec is read back with ids of at most 512 bytes; a shard adds `, 1000/1000`.
constexpr std::size_t k_max_id_bytes = 480;

/// `call` for `call/sum`, as the file of the reader writes it: what a call holds is seen through
/// the caller only.
std::string visible_id(const PlannedJob& reader, const std::string& id) {
    std::string_view around = reader.spec.base;
    while (!around.empty() && !(around.ends_with('/') && id.starts_with(around)))
        around.remove_suffix(1);
    return id.substr(around.size(), id.find('/', around.size()) - around.size());
}

}  // namespace

Outcome Planner::run() {
    if (!before_event_) {
        is_readable_ = prepare();
        before_event_ = diagnostics_;
    } else {
        diagnostics_ = *before_event_;
        present_.clear();
        plan_bytes_ = 0;
    }
    Outcome out;
    if (is_readable_) plan_event(out);
    if (diagnostics_.has_errors()) out.plan.reset();
    out.diagnostics = diagnostics_.take();
    return out;
}

bool Planner::prepare() {
    if (!files_.read()) return false;
    run_.read(files_.all(), files_.main(), calls_, diagnostics_);
    knows_schedules_ = !diagnostics_.has_errors() && !files_.is_unreadable();
    jobs_ = calls_.expand(config::merge_jobs(files_.all(), diagnostics_));
    graph_.emplace(jobs_, calls_, diagnostics_);
    check(jobs_, *graph_);
    for (const File& file : files_.all()) warn_unsupported(file.root, diagnostics_);
    return true;
}

void Planner::plan_event(Outcome& out) {
    out.params = run_.params();
    if (knows_schedules_) out.schedules = run_.schedules();
    out.triggered = files_.is_triggered();
    if (diagnostics_.has_errors()) return;
    if (!out.triggered) {
        for (const MergedJob& job : jobs_) note_absent(job);
        return;
    }
    out.param_complaints = run_.take_values(input_.event, diagnostics_);
    Plan plan;
    if (!files_.all().empty()) plan.gates = gates_of(files_.main_root());
    plan.with_pr = files_.has_push_beside_pull_request();
    plan.concurrency = run_.concurrency(input_, diagnostics_);
    lower_all(jobs_, *graph_, plan);
    run_.check_groups(plan, diagnostics_);
    if (diagnostics_.has_errors()) return;
    if (plan.jobs.empty()) {
        out.triggered = false;
        return;
    }
    deselect_readers(plan);
    if (trace_ != nullptr) finish(*trace_, plan);
    plan.hash = hash_plan(plan);
    out.plan = std::move(plan);
}

std::set<std::string> Planner::events_of_job(const std::vector<MergedJob>& jobs,
                                             std::size_t index) {
    const MergedJob& job = jobs[index];
    const File& file = files_.of(job);
    std::set<std::string> of_file =
        file.triggers ? config::event_names(*file.triggers) : std::set<std::string>{};
    if (growing_) of_file = {std::string(to_text(input_.event.kind))};
    if (job.call > 0)  // the caller stands before
        for (std::size_t i = index; i-- > 0;)
            if (jobs[i].opens == job.call) {
                of_file = events_[i];
                break;
            }
    const Node* on = job.node.find("on");
    if (on == nullptr) return of_file;
    std::set<std::string> out;
    for (const Node& event : on->items) {
        if (!event.is_scalar()) continue;
        if (job.call == 0 || of_file.contains(event.text)) out.insert(event.text);
        // A fragment does not know who calls it.
        if (job.call == 0 && !of_file.contains(event.text) &&
            parse_enum<model::EventKind>(event.text))
            diagnostics_.error(
                event.place, "event_not_in_file",
                fmt::format("`{}` is no trigger of this file, so it never brings the job",
                            event.text),
                fmt::format("add it to `on` of the file: `on: {{ {}: … }}`", event.text));
    }
    return out;
}

void Planner::check(const std::vector<MergedJob>& jobs, const Graph& graph) {
    std::set<std::string> ids;
    std::size_t cells = 0;
    matrices_.resize(jobs.size());
    events_.resize(jobs.size());
    params_.resize(jobs.size());
    around_.resize(jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        ids.insert(jobs[i].id);
        if (jobs[i].opens == 0) check_job(jobs[i], diagnostics_);
        const Node* matrix = jobs[i].node.find("matrix");
        const bool has_matrix = matrix != nullptr && matrix->is_map();
        if (has_matrix)
            matrices_[i] = expand_matrix(*matrix, jobs[i].id, diagnostics_,
                                         jobs[i].id == only_ ? late_values_ : nullptr);
        if (!has_matrix && jobs[i].opens == 0) matrices_[i].cells.push_back({});
        // Callers stand before what they call.
        around_[i] = callers_around(jobs[i], calls_, needables_);
        check_inside(jobs[i], has_matrix ? &matrices_[i] : nullptr, around_[i], diagnostics_);
        if (jobs[i].opens == 0 && (only_.empty() || jobs[i].id == only_))
            cells += matrices_[i].cells.size() * count_expansions(around_[i]);
        needables_.try_emplace(jobs[i].id,
                               Needable{&jobs[i], has_matrix ? &matrices_[i] : nullptr});
        events_[i] = events_of_job(jobs, i);
        params_[i] = run_.params_of_job(jobs[i], calls_, diagnostics_);
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const Needable& own = needables_.at(jobs[i].id);
        if (!only_.empty()) break;  // was checked when the run was planned
        check_needs_by_cell(graph.needs(i), own, around_[i], needables_, diagnostics_);
        if (jobs[i].opens == 0) check_inputs(graph, calls_, jobs[i], i, needables_, diagnostics_);
        JobView view{calls_,     jobs[i],
                     own.matrix, need_views(graph, calls_, jobs[i], i, needables_),
                     events_[i], run_.params(),
                     params_[i]};
        for (const Needable* caller : around_[i])
            view.outer_matrices[caller->job->call] = caller->matrix;
        check_types(view, diagnostics_);
    }
    cells += cells_before_;
    if (cells > k_max_jobs) too_many(cells);
    if (const File* main = files_.main()) check_gates(*main, files_.all(), ids, diagnostics_);
}

void Planner::too_many(std::size_t jobs) {
    diagnostics_.error(
        {}, "too_many_jobs",
        fmt::format("{} jobs (matrix cells and shards counted), at most {}", jobs, k_max_jobs),
        "make fewer cells, or several projects");
}

void Planner::lower_all(const std::vector<MergedJob>& jobs, const Graph& graph, Plan& plan) {
    std::size_t weight = 0;
    for (const std::size_t i : graph.order()) {
        const File& file = files_.of(jobs[i]);
        // What is generated is there for this run, whatever its event.
        const Fired fired = growing_        ? Fired{true}
                            : file.triggers ? fires(*file.triggers, input_.event)
                                            : Fired{};
        if (jobs[i].opens != 0 || (!only_.empty() && jobs[i].id != only_)) continue;
        if (!fired.fired || !events_[i].contains(std::string(to_text(input_.event.kind)))) {
            note_absent(jobs[i]);
            continue;
        }
        weight +=
            config::weight(jobs[i].node) * matrices_[i].cells.size() * count_expansions(around_[i]);
        if (weight > k_max_plan_weight) {
            diagnostics_.error(jobs[i].place, "plan_too_large",
                               "the cells of all jobs hold too many values",
                               "make fewer cells, or smaller jobs");
            return;
        }
        note_present(jobs[i].id);
        // A need that this event does not bring counts as satisfied (A6 step 4), so nobody has
        // to know of it.
        std::set<std::string> optional;
        for (const DeclaredNeed& need : graph.needs(i))
            if (need.optional) optional.insert(need.job);
        for (const Expansion& expansion : expansions_of(around_[i]))
            for (const Cell& cell : matrices_[i].cells)
                if (!lower_cell(jobs[i], i, graph, expansion, cell, fired, optional, plan)) return;
    }
}

bool Planner::lower_cell(const MergedJob& job, std::size_t index, const Graph& graph,
                         const Expansion& expansion, const Cell& cell, const Fired& fired,
                         const std::set<std::string>& optional, Plan& plan) {
    const std::string id = id_of(job, expansion, cell);
    if (id.size() > k_max_id_bytes) {
        diagnostics_.error(
            job.place, "too_long",
            fmt::format("the values of a cell of `{}` and of its callers make an id of {} bytes, "
                        "at most {}",
                        job.id, id.size(), k_max_id_bytes),
            "shorten the values");
        return false;
    }
    const Cell all{values_of(expansion, cell), ""};
    std::vector<Need> needs;
    for (const DeclaredNeed& need : graph.needs(index)) {
        if (!present_.contains(need.job)) continue;
        needs.push_back(need_of_cell(need, id, all, needables_, diagnostics_));
        // Beside it in the fragment: that of the same cell.
        for (const CallerAt& at : expansion)
            if (is_inside(need.job, at.caller->id))
                needs.back().matrix.insert(at.cell->values.begin(), at.cell->values.end());
    }
    auto planned = lower({input_, calls_, job, cell, fired.paths, std::move(needs), optional,
                          note(job, id), &run_.values(), params_[index],
                          matrices_[index].is_open ? &matrices_[index] : nullptr, expansion},
                         diagnostics_);
    if (!planned) return true;
    check_one_cell(*planned, job.place);
    if (planned->axes.empty()) {
        const MatrixLimits limits = limits_of(job.node.find("matrix"));
        planned->fail_fast = limits.fail_fast;
        planned->max_parallel = limits.max_parallel;
    }
    for (PlannedJob& part : split_into_shards(std::move(*planned))) {
        if (!spend(json::serialize(to_json(part)).size(), job.place)) return false;
        plan.jobs.push_back(std::move(part));
    }
    // Cells were counted before, shards are known only now.
    if (plan.jobs.size() + cells_before_ <= k_max_jobs) return true;
    too_many(plan.jobs.size() + cells_before_);
    return false;
}

void Planner::note_present(const std::string& id) {
    for (std::size_t at = id.find('/'); at != std::string::npos; at = id.find('/', at + 1))
        present_.insert(id.substr(0, at));
    present_.insert(id);
}

std::vector<Reason>* Planner::note(const MergedJob& job, const std::string& id) {
    if (trace_ == nullptr) return nullptr;
    const File& file = files_.of(job);
    trace_->jobs.push_back(
        {id, job.id, Choice::selected, reasons_of_event(input_, file, true, job, diagnostics_)});
    return &trace_->jobs.back().reasons;
}

void Planner::note_absent(const MergedJob& job) {
    if (trace_ == nullptr) return;
    const File& file = files_.of(job);
    const bool fired = file.triggers && fires(*file.triggers, input_.event).fired;
    trace_->jobs.push_back(
        {job.id, job.id, Choice::absent, reasons_of_event(input_, file, fired, job, diagnostics_)});
}

void Planner::check_one_cell(const PlannedJob& job, const config::Place& place) {
    for (const auto& [name, input] : job.spec.inputs) {
        const auto source = input_source(input.from);
        if (!source || source->all_cells) continue;
        const std::size_t cells = cells_meant(job, source->job);
        if (cells > 1)
            diagnostics_.error(
                place, "several_cells",
                fmt::format("input `{}` of `{}` would be those of {} cells", name, job.spec.id,
                            cells),
                fmt::format("take `{}[*].{}`, a folder per cell, or name more axes in the need",
                            visible_id(job, source->job), source->output));
    }
    if (job.late.empty() && job.late_if.empty()) return;
    for (const Names& names : late_reads(job)) {
        if (names.size() < 2 || names[1] != "outputs") continue;
        const std::size_t cells = cells_meant(job, names[0]);
        if (cells < 2) continue;
        const std::string id = visible_id(job, names[0]);
        diagnostics_.error(
            place, "several_cells",
            fmt::format("`{}` reads `needs.{}.outputs`, and it needs {} cells of that job",
                        job.spec.id, id, cells),
            fmt::format("read `needs.{}.cells`, or name more axes in the need", id));
    }
}

std::size_t Planner::cells_meant(const PlannedJob& reader, const std::string& job) const {
    const auto need_of = [&](const std::string& id) {
        const auto need = std::find_if(reader.needs.begin(), reader.needs.end(),
                                       [&](const Need& n) { return n.job == id; });
        return need == reader.needs.end() ? Need{id} : *need;
    };
    std::size_t count = count_cells(need_of(job), needables_);
    // Cells of its callers, but for those that the reader stands in, too.
    for (std::size_t at = job.find('/'); at != std::string::npos; at = job.find('/', at + 1))
        if (const std::string caller = job.substr(0, at); !is_inside(reader.spec.base, caller))
            count *= count_cells(need_of(caller), needables_);
    return count;
}

bool Planner::spend(std::size_t bytes, const config::Place& place) {
    plan_bytes_ += bytes;
    if (bytes > k_max_job_bytes)
        diagnostics_.error(
            place, "job_too_large",
            fmt::format("the job is {} bytes as JSON, at most {}", bytes, k_max_job_bytes),
            "put long scripts into files of the repository");
    if (plan_bytes_ > k_max_plan_bytes)
        diagnostics_.error(
            place, "plan_too_large",
            fmt::format("all jobs together are over {} MiB as JSON", k_max_plan_bytes >> 20),
            "make fewer cells, or smaller jobs");
    return bytes <= k_max_job_bytes && plan_bytes_ <= k_max_plan_bytes;
}

void Planner::deselect_readers(Plan& plan) {
    std::map<std::string, std::size_t> selected;  // by base id, and by that of callers: how many
    const auto for_each_id = [](const std::string& base, const auto& call) {
        for (std::size_t at = base.find('/'); at != std::string::npos; at = base.find('/', at + 1))
            call(base.substr(0, at));
        call(base);
    };
    for (const PlannedJob& job : plan.jobs)
        if (job.selected)
            for_each_id(job.spec.base, [&](const std::string& id) { ++selected[id]; });
    for (PlannedJob& job : plan.jobs) {
        if (!job.selected || job.reads.empty()) continue;
        for (const std::string& read : job.reads) {
            const auto need = std::find_if(job.needs.begin(), job.needs.end(),
                                           [&](const Need& n) { return n.job == read; });
            const bool optional = need != job.needs.end() && need->optional;
            const auto found = selected.find(read);
            if (optional || (found != selected.end() && found->second > 0)) continue;
            job.selected = false;
            job.reason = fmt::format("`{}` was not needed, and this job reads its outputs", read);
        }
        if (!job.selected)
            for_each_id(job.spec.base, [&](const std::string& id) { --selected[id]; });
    }
}

Outcome make_plan(const Input& input) {
    return Planner(input).run();
}

Outcome make_plan(const Input& input, Trace& trace) {
    return Planner(input, &trace).run();
}

struct EventPlans::State {
    explicit State(Input of) : input(std::move(of)), planner(input) {}
    Input input;
    Planner planner;
};

EventPlans::EventPlans(Input input) : state_(std::make_unique<State>(std::move(input))) {}
EventPlans::~EventPlans() = default;

Outcome EventPlans::plan(const model::Event& event) {
    state_->input.event = event;
    return state_->planner.run();
}

std::optional<std::vector<schedule::Schedule>> read_schedules(
    const std::vector<SourceFile>& files) {
    Input input;
    input.files = files;
    input.event.kind = model::EventKind::schedule;
    return make_plan(input).schedules;
}

}  // namespace sluice::plan
