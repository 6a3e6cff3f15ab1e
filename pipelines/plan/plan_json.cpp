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
    Need need{in.string("job", 512), in.boolean_or("optional", false)};
    SLUICE_CHECK(in.finish_strict());
    return need;
}

}  // namespace

std::string hash_plan(const Plan& plan) {
    const json::Value canonical =
        json::Object{{"jobs", jobs_to_json(plan.jobs)}, {"gates", gates_to_json(plan.gates)}};
    return digest128(json::serialize(canonical));
}

json::Value to_json(const PlannedJob& job) {
    json::Object out{{"spec", model::to_json(job.spec)}};
    if (!job.needs.empty()) {
        json::Array needs;
        for (const Need& need : job.needs) {
            json::Object item{{"job", wire::text(need.job)}};
            if (need.optional) item["optional"] = true;
            needs.push_back(std::move(item));
        }
        out["needs"] = std::move(needs);
    }
    if (job.when != model::When::success) out["when"] = wire::text_of(job.when);
    if (!job.late_if.empty()) out["late_if"] = wire::text(job.late_if);
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
    job.selected = in.boolean_or("selected", true);
    job.reason = in.string_or("reason", "");
    job.reads = in.strings_or_empty("reads");
    job.unsupported = in.strings_or_empty("unsupported", 1000);
    SLUICE_CHECK(in.finish_strict());
    return job;
}

json::Value to_json(const Plan& plan) {
    return json::Object{{"jobs", jobs_to_json(plan.jobs)},
                        {"gates", gates_to_json(plan.gates)},
                        {"hash", wire::text(plan.hash)}};
}

}  // namespace sluice::plan
