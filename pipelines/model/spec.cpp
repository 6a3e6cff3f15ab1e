#include "pipelines/model/spec.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::model {
namespace {

// What is empty or the default is left out: a spec travels with every claim.
class Writer {
public:
    void put(std::string_view key, const std::string& value) {
        if (!value.empty()) out_[key] = wire::text(value);
    }
    void put(std::string_view key, const std::vector<std::string>& value) {
        if (!value.empty()) out_[key] = wire::strings(value);
    }
    void put(std::string_view key, const std::map<std::string, std::string>& value) {
        if (!value.empty()) out_[key] = wire::string_map(value);
    }
    void put(std::string_view key, const std::optional<Duration>& value) {
        if (value) out_[key] = value->count();
    }
    template <TextEnum E>
    void put(std::string_view key, E value, E fallback) {
        if (value != fallback) out_[key] = wire::text_of(value);
    }
    void put(std::string_view key, bool value, bool fallback) {
        if (value != fallback) out_[key] = value;
    }
    void put(std::string_view key, const AllowFailure& value) {
        if (value.any) out_[key] = true;
        if (value.any || value.exit_codes.empty()) return;
        json::Array codes;
        for (const int code : value.exit_codes) codes.push_back(code);
        out_[key] = std::move(codes);
    }
    void put(std::string_view key, json::Array value) {
        if (!value.empty()) out_[key] = std::move(value);
    }
    json::Object take() { return std::move(out_); }
    json::Object& object() { return out_; }

private:
    json::Object out_;
};

AllowFailure allow_failure(json::ObjectReader& in, std::string_view key) {
    AllowFailure out;
    const json::Value* value = in.find(key);
    if (value == nullptr) return out;
    if (const bool* any = value->if_bool()) {
        out.any = *any;
        return out;
    }
    const json::Array* codes = value->if_array();
    if (codes == nullptr || codes->size() > 256) {
        in.fail(key, "a boolean or a list of at most 256 exit codes is required");
        return out;
    }
    for (const json::Value& code : *codes) {
        const std::int64_t* number = code.if_int64();
        if (number == nullptr || *number < 0 || *number > 255) {
            in.fail(key, "exit codes are integers from 0 to 255");
            return out;
        }
        out.exit_codes.push_back(static_cast<int>(*number));
    }
    return out;
}

json::Value step_to_json(const StepSpec& step) {
    Writer out;
    out.put("id", step.id);
    out.put("name", step.name);
    out.object()["run"] = wire::text(step.run);
    out.put("shell", step.shell);
    out.put("working_directory", step.working_directory);
    out.put("env", step.env);
    out.put("timeout_ms", step.timeout);
    out.put("when", step.when, When::success);
    out.put("condition", step.condition);
    out.put("allow_failure", step.allow_failure);
    return out.take();
}

Result<StepSpec> step_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    StepSpec step;
    step.id = in.string_or("id", "", 64);
    step.name = in.string_or("name", "");
    step.run = in.string("run", 256 * 1024);
    step.shell = in.string_or("shell", "", 64);
    step.working_directory = in.string_or("working_directory", "", 4096);
    step.env = in.string_map_or_empty("env");
    step.timeout = wire::milliseconds_or_null(in, "timeout_ms");
    step.when = wire::enum_or(in, "when", When::success);
    step.condition = in.string_or("condition", "");
    step.allow_failure = allow_failure(in, "allow_failure");
    SLUICE_CHECK(in.finish_strict());
    return step;
}

json::Value artifact_to_json(const ArtifactSpec& artifact) {
    Writer out;
    out.object()["name"] = wire::text(artifact.name);
    out.put("paths", artifact.paths);
    out.put("expire_in_ms", artifact.expire_in);
    out.put("when", artifact.when, UploadWhen::success);
    return out.take();
}

Result<ArtifactSpec> artifact_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ArtifactSpec artifact;
    artifact.name = in.string("name", 256);
    artifact.paths = in.strings_or_empty("paths");
    artifact.expire_in = wire::milliseconds_or_null(in, "expire_in_ms");
    artifact.when = wire::enum_or(in, "when", UploadWhen::success);
    SLUICE_CHECK(in.finish_strict());
    return artifact;
}

Result<ReportSpec> report_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ReportSpec report;
    report.format = in.string("format", 64);
    report.paths = in.strings_or_empty("paths");
    SLUICE_CHECK(in.finish_strict());
    return report;
}

std::map<std::string, int> retries(json::ObjectReader& in) {
    std::map<std::string, int> out;
    const json::Value* value = in.find("retry");
    if (value == nullptr) return out;
    const json::Object* members = value->if_object();
    if (members == nullptr || members->size() > 16) {
        in.fail("retry", "an object of at most 16 counts is required");
        return out;
    }
    for (const auto& [name, item] : *members) {
        const std::int64_t* count = item.if_int64();
        if (count == nullptr || *count < 0 || *count > 1000) {
            in.fail("retry", "counts are integers from 0 to 1000");
            return out;
        }
        out.emplace(std::string(name.begin(), name.end()), static_cast<int>(*count));
    }
    return out;
}

}  // namespace

json::Value to_json(const JobSpec& spec) {
    Writer out;
    out.object()["id"] = wire::text(spec.id);
    out.object()["base"] = wire::text(spec.base);
    out.put("name", spec.name);
    out.object()["kind"] = wire::text(spec.kind);
    out.put("matrix", spec.matrix);
    out.put("env", spec.env);
    json::Array steps;
    for (const StepSpec& step : spec.steps) steps.push_back(step_to_json(step));
    out.put("steps", std::move(steps));
    out.put("image", spec.image);
    out.put("runs_on", spec.runs_on);
    out.put("timeout_ms", spec.timeout);
    out.put("allow_failure", spec.allow_failure);
    out.put("source", spec.source, true);
    out.put("replayable", spec.replayable, true);
    json::Array artifacts, reports;
    for (const ArtifactSpec& artifact : spec.artifacts)
        artifacts.push_back(artifact_to_json(artifact));
    for (const ReportSpec& report : spec.reports)
        reports.push_back(json::Object{{"format", wire::text(report.format)},
                                       {"paths", wire::strings(report.paths)}});
    out.put("artifacts", std::move(artifacts));
    out.put("reports", std::move(reports));
    if (!spec.retry.empty()) {
        json::Object retry;
        for (const auto& [cause, count] : spec.retry) retry[cause] = count;
        out.object()["retry"] = std::move(retry);
    }
    return out.take();
}

Result<JobSpec> job_spec_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    JobSpec spec;
    spec.id = in.string("id", 512);
    spec.base = in.string("base", 512);
    spec.name = in.string_or("name", "");
    spec.kind = in.string_or("kind", "script", 64);
    spec.matrix = in.string_map_or_empty("matrix");
    spec.env = in.string_map_or_empty("env");
    SLUICE_TRY(spec.steps, wire::list<StepSpec>(in, "steps", 500, step_from_json));
    spec.image = in.string_or("image", "", 1024);
    spec.runs_on = in.strings_or_empty("runs_on", 256);
    spec.timeout = wire::milliseconds_or_null(in, "timeout_ms");
    spec.allow_failure = allow_failure(in, "allow_failure");
    spec.source = in.boolean_or("source", true);
    spec.replayable = in.boolean_or("replayable", true);
    SLUICE_TRY(spec.artifacts, wire::list<ArtifactSpec>(in, "artifacts", 1000, artifact_from_json));
    SLUICE_TRY(spec.reports, wire::list<ReportSpec>(in, "reports", 1000, report_from_json));
    spec.retry = retries(in);
    SLUICE_CHECK(in.finish_strict());
    return spec;
}

}  // namespace sluice::model
