#include "pipelines/model/spec.hpp"

#include "pipelines/model/spec_parts_json.hpp"
#include "pipelines/model/writer.hpp"

namespace sluice::model {
namespace {

using wire::Writer;

constexpr auto k_part = [](const auto& part) { return part_to_json(part); };

/// A part that is left out while it is the default.
template <class T>
void put_part(Writer& out, std::string_view key, const T& part) {
    if (!(part == T{})) out.object()[key] = part_to_json(part);
}

template <class T, class Read>
Result<T> part_or_default(json::ObjectReader& in, std::string_view key, Read read) {
    const json::Value* value = in.find(key);
    if (value == nullptr) return T{};
    return read(*value, in.pointer(key));
}

json::Value step_to_json(const StepSpec& step) {
    Writer out;
    out.put("id", step.id);
    out.put("name", step.name);
    out.object()["run"] = wire::text(step.run);
    out.put("shell", step.shell);
    out.put("working_directory", step.working_directory);
    out.put("env", step.env);
    out.put("late_env", step.late_env);
    out.put_each("secrets", step.secrets, [](const SecretSpec& x) { return part_to_json(x); });
    out.put("image", step.image);
    out.put("timeout_ms", step.timeout);
    out.put("when", step.when, When::success);
    out.put("condition", step.condition);
    out.put("allow_failure", step.allow_failure);
    return out.take();
}

Result<StepSpec> step_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    StepSpec step;
    step.id = in.string_or("id", "", 128);
    step.name = in.string_or("name", "");
    step.run = in.string("run", 256 * 1024);
    step.shell = in.string_or("shell", "", 64);
    step.working_directory = in.string_or("working_directory", "", 4096);
    step.env = in.string_map_or_empty("env");
    step.late_env = in.string_map_or_empty("late_env");
    SLUICE_TRY(step.secrets, wire::map_of<SecretSpec>(in, "secrets", 256, secret_from_json));
    step.image = in.string_or("image", "", 1024);
    step.timeout = wire::milliseconds_or_null(in, "timeout_ms");
    step.when = wire::enum_or(in, "when", When::success);
    step.condition = in.string_or("condition", "");
    step.allow_failure = allow_failure(in, "allow_failure");
    SLUICE_CHECK(in.finish_strict());
    return step;
}

json::Object exit_codes_to_json(const std::map<int, int>& counts) {
    json::Object out;
    for (const auto& [code, count] : counts) out[std::to_string(code)] = count;
    return out;
}

std::map<int, int> exit_codes(json::ObjectReader& in) {
    std::map<int, int> out;
    for (const auto& [code, count] : counts(in, "retry_exit_codes")) {
        const bool is_code = !code.empty() && code.size() <= 3 &&
                             code.find_first_not_of("0123456789") == std::string::npos;
        if (!is_code) in.fail("retry_exit_codes", "names are exit codes");
        if (is_code) out.emplace(std::stoi(code), count);
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
    put_part(out, "image_settings", spec.image_settings);
    out.put("runs_on", spec.runs_on);
    put_part(out, "resources", spec.resources);
    out.put("timeout_ms", spec.timeout);
    out.put("queue_timeout_ms", spec.queue_timeout);
    out.put("allow_failure", spec.allow_failure);
    out.put("source", spec.source, true);
    put_part(out, "checkout", spec.checkout);
    out.put("replayable", spec.replayable, true);
    out.put("interruptible", spec.interruptible, true);
    if (spec.concurrency) out.object()["concurrency"] = to_json(*spec.concurrency);
    if (spec.approval) out.object()["approval"] = to_json(*spec.approval);
    if (spec.environment) out.object()["environment"] = to_json(*spec.environment);
    out.put_each("secrets", spec.secrets, k_part);
    out.put("id_tokens", spec.id_tokens);
    out.put_each("params", spec.params, k_part);
    out.put_each("inputs", spec.inputs, k_part);
    out.put_each("cache", spec.cache, k_part);
    out.put_each("outputs", spec.outputs, k_part);
    out.put_each("artifacts", spec.artifacts, k_part);
    out.put_each("reports", spec.reports, k_part);
    out.put_each("thresholds", spec.thresholds, k_part);
    out.put("generate", spec.generate);
    put_part(out, "lint", spec.lint);
    put_part(out, "test", spec.test);
    if (!spec.retry.empty()) {
        json::Object retry;
        for (const auto& [cause, count] : spec.retry) retry[cause] = count;
        out.object()["retry"] = std::move(retry);
    }
    out.put_object("retry_exit_codes", exit_codes_to_json(spec.retry_exit_codes));
    if (spec.backoff) out.object()["backoff"] = part_to_json(*spec.backoff);
    out.put_object("settings", spec.settings);
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
    SLUICE_TRY(spec.image_settings,
               part_or_default<ImageSettings>(in, "image_settings", image_from_json));
    spec.runs_on = in.strings_or_empty("runs_on", 256);
    SLUICE_TRY(spec.resources, part_or_default<Resources>(in, "resources", resources_from_json));
    spec.timeout = wire::milliseconds_or_null(in, "timeout_ms");
    spec.queue_timeout = wire::milliseconds_or_null(in, "queue_timeout_ms");
    spec.allow_failure = allow_failure(in, "allow_failure");
    spec.source = in.boolean_or("source", true);
    SLUICE_TRY(spec.checkout,
               part_or_default<CheckoutSettings>(in, "checkout", checkout_from_json));
    spec.replayable = in.boolean_or("replayable", true);
    spec.interruptible = in.boolean_or("interruptible", true);
    SLUICE_TRY(spec.concurrency,
               wire::maybe<Concurrency>(in, "concurrency", concurrency_from_json));
    SLUICE_TRY(spec.approval, wire::maybe<Approval>(in, "approval", approval_from_json));
    SLUICE_TRY(spec.environment,
               wire::maybe<Environment>(in, "environment", environment_from_json));
    SLUICE_TRY(spec.secrets, wire::map_of<SecretSpec>(in, "secrets", 256, secret_from_json));
    spec.id_tokens = in.string_map_or_empty("id_tokens", 256);
    SLUICE_TRY(spec.params, wire::map_of<ParamValue>(in, "params", 1000, param_from_json));
    SLUICE_TRY(spec.inputs, wire::map_of<InputSpec>(in, "inputs", 1000, input_from_json));
    SLUICE_TRY(spec.cache, wire::list<CacheSpec>(in, "cache", 100, cache_from_json));
    SLUICE_TRY(spec.outputs, wire::map_of<OutputSpec>(in, "outputs", 1000, output_from_json));
    SLUICE_TRY(spec.artifacts, wire::list<ArtifactSpec>(in, "artifacts", 1000, artifact_from_json));
    SLUICE_TRY(spec.reports, wire::list<ReportSpec>(in, "reports", 1000, report_from_json));
    SLUICE_TRY(spec.thresholds, wire::list<Threshold>(in, "thresholds", 1000, threshold_from_json));
    spec.generate = in.string_or("generate", "", 4096);
    SLUICE_TRY(spec.lint, part_or_default<LintSettings>(in, "lint", lint_from_json));
    SLUICE_TRY(spec.test, part_or_default<TestSettings>(in, "test", test_from_json));
    spec.retry = counts(in, "retry");
    spec.retry_exit_codes = exit_codes(in);
    SLUICE_TRY(spec.backoff, wire::maybe<Backoff>(in, "backoff", backoff_from_json));
    if (const json::Value* settings = in.find("settings")) {
        if (settings->is_object()) {
            spec.settings = settings->get_object();
        } else {
            in.fail("settings", "an object is required");
        }
    }
    SLUICE_CHECK(in.finish_strict());
    return spec;
}

}  // namespace sluice::model
