#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"
#include "pipelines/config/merge.hpp"
#include "pipelines/config/parser.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/gates.hpp"
#include "pipelines/plan/graph.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/grow.hpp"
#include "pipelines/plan/hash.hpp"
#include "pipelines/plan/late.hpp"
#include "pipelines/plan/lower.hpp"
#include "pipelines/plan/need_views.hpp"
#include "pipelines/plan/plan.hpp"
#include "pipelines/plan/reasons.hpp"
#include "pipelines/plan/run_keys.hpp"
#include "pipelines/plan/shards.hpp"
#include "pipelines/plan/typecheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <list>

namespace sluice::plan {
namespace {

using config::BranchTrigger;
using config::File;
using config::MergedJob;
using config::Node;
using config::Triggers;

constexpr std::size_t k_max_files = 100;
constexpr std::size_t k_max_jobs = 4'000;
// Cells copy what their job has: bounds the plan as a whole (see weight()).
constexpr std::size_t k_max_plan_weight = 1'000'000;
constexpr std::size_t k_max_job_bytes = 512 * 1024;
constexpr std::size_t k_max_plan_bytes = 64u << 20;

/// Whether a file's `on` brings its jobs, and by which `paths`.
struct Fired {
    bool fired = false;
    const std::vector<std::string>* paths = nullptr;
};

Fired by_branch(const std::optional<BranchTrigger>& trigger, const std::string& branch) {
    if (!trigger) return {};
    if (trigger->branches && !text::globs_match(*trigger->branches, branch)) return {};
    return {true, trigger->paths ? &*trigger->paths : nullptr};
}

Fired fires(const Triggers& triggers, const model::Event& event) {
    switch (event.kind) {
        case model::EventKind::push: return by_branch(triggers.push, event.branch);
        case model::EventKind::tag:
            return {triggers.tag && text::globs_match(*triggers.tag, event.tag)};
        case model::EventKind::pull_request:
            if (!event.pull_request || !triggers.pull_request) return {};
            if (event.pull_request->draft && !triggers.pull_request->drafts) return {};
            return by_branch(triggers.pull_request, event.pull_request->target_branch);
        case model::EventKind::manual: return {triggers.manual};
        case model::EventKind::merge_queue: return {triggers.merge_queue};
        case model::EventKind::schedule:
            return {event.schedule && std::any_of(triggers.schedules.begin(),
                                                  triggers.schedules.end(), [&](const auto& item) {
                                                      return item.schedule.name ==
                                                             event.schedule->name;
                                                  })};
        case model::EventKind::dataset:
            return {event.dataset && std::find(triggers.datasets.begin(), triggers.datasets.end(),
                                               event.dataset->name) != triggers.datasets.end()};
    }
    return {};
}

class Planner {
public:
    explicit Planner(const Input& input, Trace* trace = nullptr)
        : input_(input), trace_(trace), calls_(input.fragments, diagnostics_) {}

    Outcome run() {
        Outcome out;
        plan(out);
        if (diagnostics_.has_errors()) out.plan.reset();
        out.diagnostics = diagnostics_.take();
        return out;
    }

    Growth grow(const GrowInput& in) {
        Growth out;
        const auto generator =
            std::find_if(in.run.begin(), in.run.end(),
                         [&](const PlannedJob& job) { return job.spec.id == in.generator; });
        if (generator != in.run.end()) grow(in, *generator, out.jobs);
        if (diagnostics_.has_errors()) out.jobs.clear();
        out.diagnostics = diagnostics_.take();
        return out;
    }

private:
    void grow(const GrowInput& in, const PlannedJob& generator, std::vector<PlannedJob>& out) {
        const int index =
            diagnostics_.add_file(generator.spec.generate, config::without_bom(in.text));
        auto file = config::parse_fragment(index, diagnostics_);
        if (!file) return;
        for (const std::string_view key : {"steps", "params", "outputs"})
            if (const config::Member* member = file->root.member(key))
                diagnostics_.error(
                    member->place, "bad_generated",
                    fmt::format("`{}` cannot stand in a generated fragment", key),
                    key == "steps" ? "it holds `jobs`" : "nobody calls it: write the values");
        growing_ = true;
        files_.push_back(std::move(*file));
        std::vector<MergedJob> jobs =
            calls_.adopt(config::merge_jobs(files_, diagnostics_), call_by(generator, in.run));
        const Graph graph(jobs, calls_, diagnostics_);
        cells_before_ = in.run.size();
        if (!jobs.empty())
            for (const auto& [visible, full] : calls_.at(jobs.front().call).outside)
                show_outside(full, in.run);
        check(jobs, graph);
        check_generated(jobs);
        for (const PlannedJob& job : in.run) plan_bytes_ += json::serialize(to_json(job)).size();
        if (diagnostics_.has_errors()) return;
        Plan plan;
        for (const auto& [visible, full] : calls_.at(jobs.empty() ? 0 : jobs.front().call).outside)
            present_.insert(full);
        lower_all(jobs, graph, plan);
        for (PlannedJob& job : plan.jobs) {
            const std::string& base = generator.spec.base;
            if (std::none_of(job.needs.begin(), job.needs.end(),
                             [&](const Need& need) { return need.job == base; }))
                job.needs.insert(job.needs.begin(), Need{base, false});
            check_lowered(job, generator, jobs);
        }
        out = std::move(plan.jobs);
    }

    /// The generator as the caller of what it wrote: it sees itself and what it waited for, by the
    /// names of its own file.
    static Call call_by(const PlannedJob& generator, const std::vector<PlannedJob>& run) {
        Call call;
        call.caller = generator.spec.base;
        call.prefix = generator.spec.base + "/";
        call.node.kind = Node::Kind::map;
        const std::size_t slash = generator.spec.base.rfind('/');
        const std::string around =
            slash == std::string::npos ? "" : generator.spec.base.substr(0, slash + 1);
        std::vector<std::string> open{generator.spec.base};
        std::set<std::string> seen{generator.spec.base};
        while (!open.empty()) {
            const std::string at = std::move(open.back());
            open.pop_back();
            if (at.starts_with(around) && at.find('/', around.size()) == std::string::npos)
                call.outside[at.substr(around.size())] = at;
            for (const PlannedJob& job : run)
                if (is_part_of(job.spec.base, at))
                    for (const Need& need : job.needs)
                        if (seen.insert(need.job).second) open.push_back(need.job);
        }
        for (const auto& [name, secret] : generator.spec.secrets)
            call.secrets.insert(secret.secret);
        for (const model::StepSpec& step : generator.spec.steps)
            for (const auto& [name, secret] : step.secrets) call.secrets.insert(secret.secret);
        return call;
    }

    /// A job of the run as generated ones may read it: its outputs and its cells.
    void show_outside(const std::string& id, const std::vector<PlannedJob>& run) {
        MergedJob stub;
        stub.id = id;
        stub.node.kind = Node::Kind::map;
        Matrix cells;
        for (const PlannedJob& job : run) {
            if (job.spec.base != id) continue;
            if (!job.spec.matrix.empty()) cells.cells.push_back({job.spec.matrix, ""});
            for (const auto& [name, value] : job.spec.matrix) cells.names[name] = true;
            if (stub.node.find("outputs") == nullptr)
                stub.node.members.push_back({"outputs", {}, outputs_node(job.spec)});
        }
        outside_.push_back({std::move(stub), std::move(cells)});
        const auto& [merged, matrix] = outside_.back();
        needables_[id] = {&merged, matrix.cells.empty() ? nullptr : &matrix};
    }

    static Node outputs_node(const model::JobSpec& spec) {
        Node outputs;
        outputs.kind = Node::Kind::map;
        for (const auto& [name, output] : spec.outputs) {
            Node type;
            type.kind = Node::Kind::scalar;
            type.text = to_text(output.type);
            Node map;
            map.kind = Node::Kind::map;
            map.members.push_back({"type", {}, std::move(type)});
            outputs.members.push_back({name, {}, std::move(map)});
        }
        return outputs;
    }

    void check_generated(const std::vector<MergedJob>& jobs) {
        for (const MergedJob& job : jobs)
            if (const config::Member* member = job.node.member("generate"))
                diagnostics_.error(member->place, "bad_generated",
                                   "a generated job cannot generate further jobs",
                                   "write all jobs at once");
    }

    /// What is known only when expressions are evaluated.
    void check_lowered(const PlannedJob& job, const PlannedJob& generator,
                       const std::vector<MergedJob>& jobs) {
        const auto source = std::find_if(jobs.begin(), jobs.end(), [&](const MergedJob& merged) {
            return merged.id == job.spec.base;
        });
        const auto fail = [&](std::string_view key, std::string message, std::string hint) {
            const config::Member* member =
                source == jobs.end() ? nullptr : source->node.member(key);
            const config::Place place = member != nullptr      ? member->place
                                        : source != jobs.end() ? source->place
                                                               : config::Place{};
            diagnostics_.error(place, "bad_generated", std::move(message), std::move(hint));
        };
        const auto& own = generator.spec.environment;
        if (job.spec.environment && (!own || own->name != job.spec.environment->name))
            fail("environment",
                 fmt::format("environment `{}` is not that of the generating job `{}`",
                             config::shown(job.spec.environment->name), generator.spec.base),
                 "name it in `environment` of the generating job, too");
        if (job.selected)
            for (const std::string& sentence : job.unsupported)
                fail(sentence.substr(1, sentence.find('`', 1) - 1), sentence, "");
    }

    void plan(Outcome& out) {
        if (!read_files()) return;
        run_.read(files_, main_file(), calls_, diagnostics_);
        out.params = run_.params();
        if (!diagnostics_.has_errors() && !unreadable_) out.schedules = run_.schedules();
        const std::vector<MergedJob> jobs = calls_.expand(config::merge_jobs(files_, diagnostics_));
        const Graph graph(jobs, calls_, diagnostics_);
        check(jobs, graph);
        out.triggered = is_triggered();
        if (diagnostics_.has_errors()) return;
        if (!out.triggered) {
            for (const MergedJob& job : jobs) note_absent(job);
            return;
        }
        out.param_complaints = run_.take_values(input_.event, diagnostics_);
        Plan plan;
        if (!files_.empty()) plan.gates = gates_of(main_root());
        plan.with_pr = has_push_beside_pull_request();
        plan.concurrency = run_.concurrency(input_, diagnostics_);
        lower_all(jobs, graph, plan);
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

    bool read_files() {
        if (input_.files.empty()) {
            diagnostics_.add_file(std::string(config::k_main_file), "");
            diagnostics_.error({}, "config_missing",
                               "there is no configuration at this commit: neither `.ci.yml` nor "
                               "`.ci/*.yml` exists",
                               "add a file `.ci.yml`, e.g. `version: 1`, `on: { push: {} }`, "
                               "`jobs: { test: { run: make test } }`");
            return false;
        }
        for (const SourceFile& source : input_.files) {
            const int index = diagnostics_.add_file(source.path, config::without_bom(source.text));
            if (static_cast<std::size_t>(index) >= k_max_files) {
                diagnostics_.error({index}, "too_many_files",
                                   fmt::format("more than {} configuration files", k_max_files),
                                   "join some");
                return false;
            }
            if (source.path.ends_with(".yaml")) {
                diagnostics_.error({index}, "wrong_file_name",
                                   fmt::format("`{}` is not read", source.path),
                                   "rename it to end in `.yml`");
                continue;
            }
            if (auto file = config::parse_file(index, diagnostics_)) {
                files_.push_back(std::move(*file));
            } else {
                unreadable_ = true;
            }
        }
        inherit_triggers();
        return true;
    }

    const File* main_file() const {
        for (const File& file : files_)
            if (diagnostics_.path(file.index) == config::k_main_file) return &file;
        return nullptr;
    }

    const Node& main_root() const {
        static const Node none;
        const File* file = main_file();
        return file == nullptr ? none : file->root;
    }

    void inherit_triggers() {
        const File* main = main_file();
        std::size_t jobs = 0;
        for (File& file : files_) {
            const auto own = std::count_if(file.jobs.begin(), file.jobs.end(),
                                           [](const auto& job) { return !job.is_template(); });
            jobs += static_cast<std::size_t>(own);
            if (file.triggers) continue;
            if (main != nullptr && main->triggers) {
                file.triggers = main->triggers;
            } else if (own > 0 && !unreadable_) {
                diagnostics_.error({file.index}, "on_missing",
                                   "`on` is missing, so nothing would ever start these jobs",
                                   "e.g. `on: { push: { branches: [main] }, pull_request: {} }`");
            }
        }
        if (jobs == 0 && !unreadable_ && !files_.empty()) {
            const Node* node = files_.front().root.find("jobs");
            const bool is_wrong_shape = node != nullptr && !node->is_null() && !node->is_map();
            if (!is_wrong_shape && !diagnostics_.has_errors())
                diagnostics_.error({files_.front().index}, "no_jobs", "there are no jobs",
                                   "e.g. `jobs: { test: { run: make test } }`");
        }
    }

    bool is_triggered() const {
        // What cannot be read might have been meant for this event: say what is wrong with it.
        if (unreadable_ || files_.empty()) return true;
        return std::any_of(files_.begin(), files_.end(), [&](const File& file) {
            return !file.triggers || fires(*file.triggers, input_.event).fired;
        });
    }

    /// `with_pr` of a file that a push to this branch, or to that of this pull request, brings.
    bool has_push_beside_pull_request() const {
        const auto& pull = input_.event.pull_request;
        const std::string& branch = pull ? pull->source_branch : input_.event.branch;
        return std::any_of(files_.begin(), files_.end(), [&](const File& file) {
            return file.triggers && file.triggers->push && file.triggers->push->with_pr &&
                   by_branch(file.triggers->push, branch).fired;
        });
    }

    /// The events of `on` in the job, else of its caller, else of its file.
    std::set<std::string> events_of_job(const std::vector<MergedJob>& jobs, std::size_t index) {
        const MergedJob& job = jobs[index];
        const File& file = files_[static_cast<std::size_t>(job.file)];
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

    /// Everything that is wrong for any event.
    void check(const std::vector<MergedJob>& jobs, const Graph& graph) {
        std::set<std::string> ids;
        std::size_t cells = 0;
        matrices_.resize(jobs.size());
        events_.resize(jobs.size());
        params_.resize(jobs.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            ids.insert(jobs[i].id);
            if (jobs[i].opens == 0) check_job(jobs[i], diagnostics_);
            const Node* matrix = jobs[i].node.find("matrix");
            const bool has_matrix = matrix != nullptr && matrix->is_map();
            if (has_matrix) matrices_[i] = expand_matrix(*matrix, jobs[i].id, diagnostics_);
            if (!has_matrix && jobs[i].opens == 0) matrices_[i].cells.push_back({});
            cells += matrices_[i].cells.size();
            needables_.try_emplace(jobs[i].id,
                                   Needable{&jobs[i], has_matrix ? &matrices_[i] : nullptr});
            events_[i] = events_of_job(jobs, i);
            params_[i] = run_.params_of_job(jobs[i], calls_, diagnostics_);
        }
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const Needable& own = needables_.at(jobs[i].id);
            check_needs_by_cell(graph.needs(i), own, needables_, diagnostics_);
            check_types(
                {calls_, jobs[i], own.matrix, need_views(graph, calls_, jobs[i], i, needables_),
                 events_[i], run_.params(), params_[i]},
                diagnostics_);
        }
        cells += cells_before_;
        if (cells > k_max_jobs) too_many(cells);
        if (const File* main = main_file()) check_gates(*main, files_, ids, diagnostics_);
    }

    void too_many(std::size_t jobs) {
        diagnostics_.error(
            {}, "too_many_jobs",
            fmt::format("{} jobs (matrix cells and shards counted), at most {}", jobs, k_max_jobs),
            "make fewer cells, or several projects");
    }

    void lower_all(const std::vector<MergedJob>& jobs, const Graph& graph, Plan& plan) {
        std::set<std::string>& present = present_;
        std::size_t weight = 0;
        for (const std::size_t i : graph.order()) {
            const File& file = files_[static_cast<std::size_t>(jobs[i].file)];
            // What is generated is there for this run, whatever its event.
            const Fired fired = growing_        ? Fired{true}
                                : file.triggers ? fires(*file.triggers, input_.event)
                                                : Fired{};
            if (jobs[i].opens != 0) continue;
            if (!fired.fired || !events_[i].contains(std::string(to_text(input_.event.kind)))) {
                note_absent(jobs[i]);
                continue;
            }
            weight += config::weight(jobs[i].node) * matrices_[i].cells.size();
            if (weight > k_max_plan_weight) {
                diagnostics_.error(jobs[i].place, "plan_too_large",
                                   "the cells of all jobs hold too many values",
                                   "make fewer cells, or smaller jobs");
                return;
            }
            for (std::size_t at = jobs[i].id.find('/'); at != std::string::npos;
                 at = jobs[i].id.find('/', at + 1))
                present.insert(jobs[i].id.substr(0, at));  // the callers, by what they called
            present.insert(jobs[i].id);
            // A need that this event does not bring counts as satisfied (A6 step 4), so nobody has
            // to know of it.
            std::set<std::string> optional;
            for (const DeclaredNeed& need : graph.needs(i))
                if (need.optional) optional.insert(need.job);
            for (const Cell& cell : matrices_[i].cells) {
                std::vector<Need> needs;
                for (const DeclaredNeed& need : graph.needs(i))
                    if (present.contains(need.job))
                        needs.push_back(
                            need_of_cell(need, jobs[i].id, cell, needables_, diagnostics_));
                auto planned = lower({input_, calls_, jobs[i], cell, fired.paths, std::move(needs),
                                      optional, note(jobs[i], cell), &run_.values(), params_[i]},
                                     diagnostics_);
                if (!planned) continue;
                check_one_cell(*planned, jobs[i].place);
                set_matrix_limits(*planned, jobs[i].node);
                for (PlannedJob& part : split_into_shards(std::move(*planned))) {
                    if (!spend(json::serialize(to_json(part)).size(), jobs[i].place)) return;
                    plan.jobs.push_back(std::move(part));
                }
                // Cells were counted before, shards are known only now.
                if (plan.jobs.size() + cells_before_ > k_max_jobs)
                    return too_many(plan.jobs.size() + cells_before_);
            }
        }
    }

    /// The place for the reasons of a cell, nullptr when nobody asks.
    std::vector<Reason>* note(const MergedJob& job, const Cell& cell) {
        if (trace_ == nullptr) return nullptr;
        const File& file = files_[static_cast<std::size_t>(job.file)];
        trace_->jobs.push_back({job.id + cell.suffix, job.id, Choice::selected,
                                reasons_of_event(input_, file, true, job, diagnostics_)});
        return &trace_->jobs.back().reasons;
    }

    void note_absent(const MergedJob& job) {
        if (trace_ == nullptr) return;
        const File& file = files_[static_cast<std::size_t>(job.file)];
        const bool fired = file.triggers && fires(*file.triggers, input_.event).fired;
        trace_->jobs.push_back({job.id, job.id, Choice::absent,
                                reasons_of_event(input_, file, fired, job, diagnostics_)});
    }

    /// `outputs` are those of one cell.
    void check_one_cell(const PlannedJob& job, const config::Place& place) {
        if (job.late.empty() && job.late_if.empty()) return;
        for (const Names& names : late_reads(job)) {
            if (names.size() < 2 || names[1] != "outputs") continue;
            const auto need = std::find_if(job.needs.begin(), job.needs.end(),
                                           [&](const Need& n) { return n.job == names[0]; });
            if (need == job.needs.end()) continue;
            const std::size_t cells = count_cells(*need, needables_);
            if (cells < 2) continue;
            diagnostics_.error(
                place, "several_cells",
                fmt::format("`{}` reads `needs.{}.outputs`, and it needs {} cells of that job",
                            job.spec.id, names[0], cells),
                fmt::format("read `needs.{}.cells`, or name more axes in the need", names[0]));
        }
    }

    static void set_matrix_limits(PlannedJob& job, const Node& node) {
        const Node* matrix = node.find("matrix");
        if (matrix == nullptr) return;
        const Node* fail_fast = matrix->find("fail_fast");
        const Node* limit = matrix->find("max_parallel");
        job.fail_fast = fail_fast != nullptr && fail_fast->text == "true";
        if (limit != nullptr) job.max_parallel = std::atoi(limit->text.c_str());
    }

    /// What expressions put in is known only now; a job travels in one message and is read back
    /// with limits.
    bool spend(std::size_t bytes, const config::Place& place) {
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

    /// A6 step 4: who reads the outputs of a job that is not needed is not needed either.
    static void deselect_readers(Plan& plan) {
        std::map<std::string, bool> selected;  // by base id: some cell is
        const auto note = [&](const PlannedJob& job) {
            const std::string& base = job.spec.base;
            for (std::size_t at = base.find('/'); at != std::string::npos;
                 at = base.find('/', at + 1))
                selected[base.substr(0, at)] |= job.selected;
            selected[base] |= job.selected;
        };
        for (const PlannedJob& job : plan.jobs) note(job);
        for (PlannedJob& job : plan.jobs) {
            if (!job.selected || job.reads.empty()) continue;
            for (const std::string& read : job.reads) {
                const auto need = std::find_if(job.needs.begin(), job.needs.end(),
                                               [&](const Need& n) { return n.job == read; });
                const bool optional = need != job.needs.end() && need->optional;
                const auto found = selected.find(read);
                if (optional || (found != selected.end() && found->second)) continue;
                job.selected = false;
                job.reason =
                    fmt::format("`{}` was not needed, and this job reads its outputs", read);
            }
            if (job.selected) continue;
            selected.clear();
            for (const PlannedJob& other : plan.jobs) note(other);
        }
    }

    const Input& input_;
    Trace* trace_;
    config::Diagnostics diagnostics_;
    Calls calls_;
    std::vector<File> files_;
    std::vector<Matrix> matrices_;               ///< by job
    std::vector<std::set<std::string>> events_;  ///< by job
    Needables needables_;
    std::vector<std::vector<Param>> params_;  ///< by job
    RunKeys run_;
    std::list<std::pair<MergedJob, Matrix>> outside_;  ///< of a run that grows: the others
    std::set<std::string> present_;                    ///< ids of what the event brings
    bool unreadable_ = false;
    bool growing_ = false;  ///< the file is a generated fragment
    std::size_t cells_before_ = 0;
    std::size_t plan_bytes_ = 0;
};

}  // namespace

Outcome make_plan(const Input& input) {
    return Planner(input).run();
}

Outcome make_plan(const Input& input, Trace& trace) {
    return Planner(input, &trace).run();
}

std::optional<std::vector<schedule::Schedule>> read_schedules(
    const std::vector<SourceFile>& files) {
    Input input;
    input.files = files;
    input.event.kind = model::EventKind::schedule;
    return make_plan(input).schedules;
}

bool may_grow(const Plan& plan) {
    return std::any_of(plan.jobs.begin(), plan.jobs.end(),
                       [](const PlannedJob& job) { return !job.spec.generate.empty(); });
}

Growth grow(const GrowInput& in) {
    return Planner(in.input).grow(in);
}

std::string describe_failure(const PlannedJob& generator,
                             const std::vector<config::Diagnostic>& diagnostics) {
    constexpr std::size_t k_max = 4000;
    const auto is_error = [](const config::Diagnostic& diagnostic) {
        return diagnostic.severity == config::Severity::error;
    };
    const auto count = std::count_if(diagnostics.begin(), diagnostics.end(), is_error);
    std::string out = fmt::format("the generated {} has {} mistake{}", generator.spec.generate,
                                  count, count == 1 ? "" : "s");
    for (const config::Diagnostic& diagnostic : diagnostics) {
        if (!is_error(diagnostic)) continue;
        const std::string line = "\n" + config::format(diagnostic);
        if (out.size() + line.size() > k_max) return out + "\n…";
        out += line;
    }
    return out;
}

bool is_skipped(const model::Event& event) {
    if (event.kind != model::EventKind::push) return false;
    if (std::find(event.options.begin(), event.options.end(), "ci.skip") != event.options.end())
        return true;
    return event.message.find("[skip ci]") != std::string::npos ||
           event.message.find("[ci skip]") != std::string::npos;
}

}  // namespace sluice::plan
