/// JSON forms of plans, and the hash of one.
#include "pipelines/model/wire.hpp"
#include "pipelines/plan/hash.hpp"
#include "pipelines/plan/plan.hpp"

namespace sluice::plan {
namespace {

namespace wire = model::wire;

json::Value gates_to_json(const std::vector<GateSpec>& gates) {
    json::Array out;
    for (const GateSpec& gate : gates)
        out.push_back(json::Object{{"branches", wire::strings(gate.branches)},
                                   {"require", wire::strings(gate.require)}});
    return out;
}

json::Value jobs_to_json(const std::vector<PlannedJob>& jobs) {
    json::Array out;
    out.reserve(jobs.size());
    for (const PlannedJob& job : jobs) out.push_back(to_json(job));
    return out;
}

Result<Need> need_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Need need{in.string("job", 512), in.boolean_or("optional", false),
              in.string_map_or_empty("matrix", 64)};
    SLUICE_CHECK(in.finish_strict());
    return need;
}

Result<LateText> late_text_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    LateText late{in.string("at", 1024), in.string("text", 1 << 20),
                  wire::enum_or(in, "type", config::Scalar::value),
                  in.string_or("choices", "", 1024), in.string_or("param", "", 1 << 20)};
    SLUICE_CHECK(in.finish_strict());
    return late;
}

Result<LateAxis> late_axis_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    LateAxis axis{in.string("name", 64), in.string("text", 1 << 20)};
    SLUICE_CHECK(in.finish_strict());
    return axis;
}

json::Value to_json(const CallerCell& cell) {
    json::Object out{{"caller", wire::text(cell.caller)},
                     {"matrix", wire::string_map(cell.matrix)}};
    if (!cell.gives.empty()) out["gives"] = wire::strings(cell.gives);
    if (cell.fail_fast) out["fail_fast"] = true;
    if (cell.max_parallel > 0) out["max_parallel"] = cell.max_parallel;
    return out;
}

Result<CallerCell> caller_cell_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    CallerCell cell{in.string("caller", 512), in.string_map_or_empty("matrix", 64),
                    in.strings_or_empty("gives", 1000), in.boolean_or("fail_fast", false),
                    static_cast<int>(in.integer_or("max_parallel", 0, 0, 10'000))};
    SLUICE_CHECK(in.finish_strict());
    return cell;
}

json::Value files_to_json(const std::vector<SourceFile>& files) {
    json::Array out;
    for (const SourceFile& file : files) {
        json::Object item{{"path", wire::text(file.path)}, {"text", wire::text(file.text)}};
        if (!file.problem.empty()) item["problem"] = wire::text(file.problem);
        out.push_back(std::move(item));
    }
    return out;
}

Result<SourceFile> file_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    SourceFile file{in.string("path", 65'536), in.string("text", 16 << 20),
                    in.string_or("problem", "", 4096)};
    SLUICE_CHECK(in.finish_strict());
    return file;
}

json::Value late_text_to_json(const LateText& late) {
    json::Object out{{"at", wire::text(late.at)}, {"text", wire::text(late.text)}};
    if (late.type != config::Scalar::value) out["type"] = wire::text_of(late.type);
    if (!late.choices.empty()) out["choices"] = wire::text(late.choices);
    if (!late.param.empty()) out["param"] = wire::text(late.param);
    return out;
}

}  // namespace

std::string hash_plan(const Plan& plan) {
    const json::Value canonical =
        json::Object{{"jobs", jobs_to_json(plan.jobs)}, {"gates", gates_to_json(plan.gates)}};
    return digest256(json::serialize(canonical));
}

json::Value to_json(const PlannedJob& job) {
    json::Object out{{"spec", model::to_json(job.spec)}};
    if (!job.needs.empty()) {
        json::Array needs;
        for (const Need& need : job.needs) {
            json::Object item{{"job", wire::text(need.job)}};
            if (need.optional) item["optional"] = true;
            if (!need.matrix.empty()) item["matrix"] = wire::string_map(need.matrix);
            needs.push_back(std::move(item));
        }
        out["needs"] = std::move(needs);
    }
    if (job.when != model::When::success) out["when"] = wire::text_of(job.when);
    if (!job.late_if.empty()) out["late_if"] = wire::text(job.late_if);
    if (!job.late.empty()) {
        json::Array late;
        for (const LateText& text : job.late) late.push_back(late_text_to_json(text));
        out["late"] = std::move(late);
    }
    if (!job.axes.empty()) {
        json::Array axes;
        for (const LateAxis& axis : job.axes)
            axes.push_back(
                json::Object{{"name", wire::text(axis.name)}, {"text", wire::text(axis.text)}});
        out["axes"] = std::move(axes);
        out["definition"] = wire::text(job.definition);
    }
    if (job.fail_fast) out["fail_fast"] = true;
    if (job.max_parallel > 0) out["max_parallel"] = job.max_parallel;
    if (!job.callers.empty()) {
        json::Array callers;
        for (const CallerCell& cell : job.callers) callers.push_back(to_json(cell));
        out["callers"] = std::move(callers);
    }
    if (!job.selected) out["selected"] = false;
    if (!job.reason.empty()) out["reason"] = wire::text(job.reason);
    if (!job.reads.empty()) out["reads"] = wire::strings(job.reads);
    if (!job.unsupported.empty()) out["unsupported"] = wire::strings(job.unsupported);
    return out;
}

Result<PlannedJob> planned_job_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    PlannedJob job;
    if (const json::Value* spec = in.find("spec")) {
        SLUICE_TRY(job.spec, model::job_spec_from_json(*spec, in.pointer("spec")));
    } else {
        in.fail("spec", "an object is required");
    }
    SLUICE_TRY(job.needs, wire::list<Need>(in, "needs", 10'000, need_from_json));
    job.when = wire::enum_or(in, "when", model::When::success);
    job.late_if = in.string_or("late_if", "", 1 << 20);
    SLUICE_TRY(job.late, wire::list<LateText>(in, "late", 10'000, late_text_from_json));
    SLUICE_TRY(job.axes, wire::list<LateAxis>(in, "axes", 64, late_axis_from_json));
    job.definition = in.string_or("definition", "", 128);
    job.fail_fast = in.boolean_or("fail_fast", false);
    job.max_parallel = static_cast<int>(in.integer_or("max_parallel", 0, 0, 10'000));
    SLUICE_TRY(job.callers, wire::list<CallerCell>(in, "callers", 4, caller_cell_from_json));
    job.selected = in.boolean_or("selected", true);
    job.reason = in.string_or("reason", "");
    job.reads = in.strings_or_empty("reads");
    job.unsupported = in.strings_or_empty("unsupported", 1000);
    SLUICE_CHECK(in.finish_strict());
    return job;
}

json::Value to_json(const Input& input) {
    json::Object out{{"default_branch", wire::text(input.default_branch)},
                     {"project_name", wire::text(input.project_name)},
                     {"project_url", wire::text(input.project_url)},
                     {"run_number", input.run_number},
                     {"run_id", input.run_id},
                     {"run_attempt", input.run_attempt},
                     {"run_url", wire::text(input.run_url)},
                     {"trusted", input.trusted}};
    if (input.changed_paths) out["changed_paths"] = wire::strings(*input.changed_paths);
    if (!input.files.empty()) out["files"] = files_to_json(input.files);
    if (!input.fragments.empty()) out["fragments"] = files_to_json(input.fragments);
    return out;
}

Result<Input> input_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Input input;
    input.default_branch = in.string("default_branch", 4096);
    input.project_name = in.string("project_name", 4096);
    input.project_url = in.string("project_url", 65'536);
    input.run_number = in.integer("run_number", 0, wire::k_max_integer);
    input.run_id = in.integer("run_id", 0, wire::k_max_integer);
    input.run_attempt = static_cast<int>(in.integer("run_attempt", 1, 1'000'000));
    input.run_url = in.string("run_url", 65'536);
    input.trusted = in.boolean_or("trusted", false);
    if (in.find("changed_paths") != nullptr)
        input.changed_paths = in.strings_or_empty("changed_paths", 1'000'000);
    SLUICE_TRY(input.files, wire::list<SourceFile>(in, "files", 1000, file_from_json));
    SLUICE_TRY(input.fragments, wire::list<SourceFile>(in, "fragments", 1000, file_from_json));
    SLUICE_CHECK(in.finish_strict());
    return input;
}

json::Value to_json(const Plan& plan) {
    json::Object out{{"jobs", jobs_to_json(plan.jobs)},
                     {"gates", gates_to_json(plan.gates)},
                     {"hash", wire::text(plan.hash)}};
    if (plan.concurrency) out["concurrency"] = model::to_json(*plan.concurrency);
    if (plan.with_pr) out["with_pr"] = true;
    return out;
}

}  // namespace sluice::plan
