// What a run gets while it goes on.
#include "pipelines/config/document.hpp"
#include "pipelines/config/parser.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/planner.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {

using config::MergedJob;
using config::Node;

Growth Planner::grow(const GrowInput& in) {
    Growth out;
    const auto generator = std::find_if(in.run.begin(), in.run.end(), [&](const PlannedJob& job) {
        return job.spec.id == in.generator;
    });
    if (generator != in.run.end()) plan_generated(in, *generator, out.jobs);
    if (diagnostics_.has_errors()) out.jobs.clear();
    out.diagnostics = diagnostics_.take();
    return out;
}
void Planner::plan_generated(const GrowInput& in, const PlannedJob& generator,
                             std::vector<PlannedJob>& out) {
    const int index = diagnostics_.add_file(generator.spec.generate, config::without_bom(in.text));
    auto file = config::parse_fragment(index, diagnostics_);
    if (!file) return;
    for (const std::string_view key : {"steps", "params", "outputs"})
        if (const config::Member* member = file->root.member(key))
            diagnostics_.error(
                member->place, "bad_generated",
                fmt::format("`{}` cannot stand in a generated fragment", key),
                key == "steps" ? "it holds `jobs`" : "nobody calls it: write the values");
    growing_ = true;
    files_.add(std::move(*file));
    std::vector<MergedJob> jobs =
        calls_.adopt(config::merge_jobs(files_.all(), diagnostics_), call_by(generator, in.run));
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

Call Planner::call_by(const PlannedJob& generator, const std::vector<PlannedJob>& run) {
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
    for (const auto& [name, secret] : generator.spec.secrets) call.secrets.insert(secret.secret);
    for (const model::StepSpec& step : generator.spec.steps)
        for (const auto& [name, secret] : step.secrets) call.secrets.insert(secret.secret);
    return call;
}

void Planner::show_outside(const std::string& id, const std::vector<PlannedJob>& run) {
    MergedJob stub;
    stub.id = id;
    stub.node.kind = Node::Kind::map;
    Matrix cells;
    model::JobSpec given;  // what a caller with a matrix gives, as far as it is read by `needs`
    for (const PlannedJob& job : run) {
        for (const CallerCell& cell : job.callers) {
            if (cell.caller != id) continue;
            const bool is_known =
                std::any_of(cells.cells.begin(), cells.cells.end(),
                            [&](const Cell& known) { return known.values == cell.matrix; });
            if (!is_known) cells.cells.push_back({cell.matrix, ""});
            for (const auto& [name, value] : cell.matrix) cells.names[name] = true;
            for (const std::string& name : cell.gives)
                if (const auto output = job.spec.outputs.find(name);
                    output != job.spec.outputs.end() && model::is_value(output->second.type))
                    given.outputs.insert(*output);
        }
        if (job.spec.base != id) continue;
        if (!job.spec.matrix.empty()) cells.cells.push_back({job.spec.matrix, ""});
        for (const auto& [name, value] : job.spec.matrix) cells.names[name] = true;
        if (stub.node.find("outputs") == nullptr)
            stub.node.members.push_back({"outputs", {}, outputs_node(job.spec)});
    }
    if (!given.outputs.empty()) stub.node.members.push_back({"outputs", {}, outputs_node(given)});
    outside_.push_back({std::move(stub), std::move(cells)});
    const auto& [merged, matrix] = outside_.back();
    needables_[id] = {&merged, matrix.cells.empty() ? nullptr : &matrix};
}

Node Planner::outputs_node(const model::JobSpec& spec) {
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

Growth Planner::expand(const ExpandInput& in) {
    Growth out;
    Plan plan;
    only_ = in.job;
    late_values_ = &in.values;
    cells_before_ = in.run.empty() ? 0 : in.run.size() - 1;  // the job itself makes room
    for (const PlannedJob& job : in.run) {
        note_present(job.spec.base);
        plan_bytes_ += json::serialize(to_json(job)).size();
    }
    plan_cells(plan);
    out.diagnostics = diagnostics_.take();
    std::erase_if(out.diagnostics, [](const config::Diagnostic& diagnostic) {
        return diagnostic.severity != config::Severity::error;
    });
    if (out.diagnostics.empty()) out.jobs = std::move(plan.jobs);
    return out;
}

void Planner::plan_cells(Plan& plan) {
    if (!files_.read()) return;
    run_.read(files_.all(), files_.main(), calls_, diagnostics_);
    const std::vector<MergedJob> jobs =
        calls_.expand(config::merge_jobs(files_.all(), diagnostics_));
    const Graph graph(jobs, calls_, diagnostics_);
    check(jobs, graph);
    if (diagnostics_.has_errors()) return;
    run_.take_values(input_.event, diagnostics_);
    lower_all(jobs, graph, plan);
}

void Planner::check_generated(const std::vector<MergedJob>& jobs) {
    for (const MergedJob& job : jobs) {
        const config::Member* matrix = job.node.member("matrix");
        if (matrix != nullptr && has_late_axis(matrix->value))
            diagnostics_.error(matrix->place, "bad_generated",
                               "the matrix of a generated job lists its values",
                               "the generating job can write them");
        if (const config::Member* member = job.node.member("generate"))
            diagnostics_.error(member->place, "bad_generated",
                               "a generated job cannot generate further jobs",
                               "write all jobs at once");
    }
}

void Planner::check_lowered(const PlannedJob& job, const PlannedJob& generator,
                            const std::vector<MergedJob>& jobs) {
    const auto source = std::find_if(jobs.begin(), jobs.end(), [&](const MergedJob& merged) {
        return merged.id == job.spec.base;
    });
    const auto fail = [&](std::string_view key, std::string message, std::string hint) {
        const config::Member* member = source == jobs.end() ? nullptr : source->node.member(key);
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

bool may_grow(const Plan& plan) {
    return std::any_of(plan.jobs.begin(), plan.jobs.end(), [](const PlannedJob& job) {
        return !job.spec.generate.empty() || !job.axes.empty();
    });
}

bool has_open_matrix(const Plan& plan) {
    return std::any_of(plan.jobs.begin(), plan.jobs.end(),
                       [](const PlannedJob& job) { return !job.axes.empty(); });
}

Growth expand(const ExpandInput& in) {
    return Planner(in.input).expand(in);
}

Growth grow(const GrowInput& in) {
    return Planner(in.input).grow(in);
}

std::string describe_failure(const PlannedJob& job,
                             const std::vector<config::Diagnostic>& diagnostics) {
    constexpr std::size_t k_max = 4000;
    const auto is_error = [](const config::Diagnostic& diagnostic) {
        return diagnostic.severity == config::Severity::error;
    };
    const auto count = std::count_if(diagnostics.begin(), diagnostics.end(), is_error);
    std::string out = job.axes.empty() ? fmt::format("the generated {} has", job.spec.generate)
                                       : "the cells cannot be made,";
    out += fmt::format(" {} mistake{}", count, count == 1 ? "" : "s");
    for (const config::Diagnostic& diagnostic : diagnostics) {
        if (!is_error(diagnostic)) continue;
        const std::string line = "\n" + config::format(diagnostic);
        if (out.size() + line.size() > k_max) return out + "\n…";
        out += line;
    }
    return out;
}

}  // namespace sluice::plan
