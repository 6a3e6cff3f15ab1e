#include "pipelines/model/spec_parts_json.hpp"
#include "pipelines/model/writer.hpp"

namespace sluice::model {
namespace {

using wire::Writer;

constexpr std::int64_t k_max_count = 1'000'000;

/// `0.8` as it is, `10%` as text.
json::Value amount_to_json(const Amount& amount) {
    if (!amount.percent) return amount.value;
    return json::Object{{"percent", amount.value}};
}

std::optional<Amount> amount(json::ObjectReader& in, std::string_view key) {
    const json::Value* value = in.find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) return Amount{value->to_number<double>(), false};
    json::ObjectReader inside(*value, in.pointer(key));
    Amount out{wire::number_or(inside, "percent", 0), true};
    if (const auto finished = inside.finish_strict(); !finished)
        in.fail(key, "a number or a percentage is required");
    return out;
}

int small(json::ObjectReader& in, std::string_view key, int fallback) {
    return static_cast<int>(in.integer_or(key, fallback, 0, k_max_count));
}

}  // namespace

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

std::map<std::string, int> counts(json::ObjectReader& in, std::string_view key) {
    std::map<std::string, int> out;
    const json::Value* value = in.find(key);
    if (value == nullptr) return out;
    const json::Object* members = value->if_object();
    if (members == nullptr || members->size() > 256) {
        in.fail(key, "an object of at most 256 counts is required");
        return out;
    }
    for (const auto& [name, item] : *members) {
        const std::int64_t* count = item.if_int64();
        if (count == nullptr || *count < 0 || *count > 1000) {
            in.fail(key, "counts are integers from 0 to 1000");
            return out;
        }
        out.emplace(std::string(name.begin(), name.end()), static_cast<int>(*count));
    }
    return out;
}

json::Value part_to_json(const ImageSettings& image) {
    Writer out;
    out.put("pull", image.pull, PullPolicy::missing);
    out.put("auth", image.auth);
    out.put("user", image.user);
    out.put("entrypoint", image.entrypoint);
    return out.take();
}

Result<ImageSettings> image_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ImageSettings out;
    out.pull = wire::enum_or(in, "pull", PullPolicy::missing);
    out.auth = in.string_or("auth", "", 512);
    out.user = in.string_or("user", "", 512);
    out.entrypoint = in.strings_or_empty("entrypoint", 256);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const CheckoutSettings& checkout) {
    Writer out;
    out.put("full_history", checkout.full_history, false);
    out.put("submodules", checkout.submodules, false);
    out.put("lfs", checkout.lfs, false);
    return out.take();
}

Result<CheckoutSettings> checkout_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    CheckoutSettings out;
    out.full_history = in.boolean_or("full_history", false);
    out.submodules = in.boolean_or("submodules", false);
    out.lfs = in.boolean_or("lfs", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const Resources& resources) {
    Writer out;
    out.put_number("cpu_millis", resources.cpu_millis, 0);
    out.put_number("memory", resources.memory, 0);
    out.put_number("disk", resources.disk, 0);
    out.put_number("gpus", resources.gpus, 0);
    out.put_number("gpu_memory", resources.gpu_memory, 0);
    out.put("gpu_model", resources.gpu_model);
    return out.take();
}

Result<Resources> resources_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Resources out;
    out.cpu_millis = in.integer_or("cpu_millis", 0, 0, wire::k_max_integer);
    out.memory = in.integer_or("memory", 0, 0, wire::k_max_integer);
    out.disk = in.integer_or("disk", 0, 0, wire::k_max_integer);
    out.gpus = small(in, "gpus", 0);
    out.gpu_memory = in.integer_or("gpu_memory", 0, 0, wire::k_max_integer);
    out.gpu_model = in.string_or("gpu_model", "", 512);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const Backoff& backoff) {
    return json::Object{{"base_ms", backoff.base.count()},
                        {"factor", backoff.factor},
                        {"max_ms", backoff.max.count()}};
}

Result<Backoff> backoff_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Backoff out;
    out.base = wire::milliseconds(in, "base_ms");
    out.factor = wire::number_or(in, "factor", 2);
    out.max = wire::milliseconds(in, "max_ms");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const Concurrency& concurrency) {
    Writer out;
    out.object()["group"] = wire::text(concurrency.group);
    out.put("policy", concurrency.policy, ConcurrencyPolicy::queue);
    out.put_number("limit", concurrency.limit, 1);
    return out.take();
}

Result<Concurrency> concurrency_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Concurrency out;
    out.group = in.string("group", 1024);
    out.policy = wire::enum_or(in, "policy", ConcurrencyPolicy::queue);
    out.limit = static_cast<int>(in.integer_or("limit", 1, 1, k_max_count));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const Approval& approval) {
    Writer out;
    out.put("by", approval.by);
    out.put("reason_required", approval.reason_required, false);
    out.object()["expires_ms"] = approval.expires.count();
    return out.take();
}

Result<Approval> approval_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Approval out;
    out.by = in.strings_or_empty("by", 1000);
    out.reason_required = in.boolean_or("reason_required", false);
    out.expires = wire::milliseconds(in, "expires_ms");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const Environment& environment) {
    Writer out;
    out.object()["name"] = wire::text(environment.name);
    out.put("url", environment.url);
    return out.take();
}

Result<Environment> environment_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Environment out{in.string("name", 512), in.string_or("url", "", 4096)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const SecretSpec& secret) {
    Writer out;
    out.object()["secret"] = wire::text(secret.secret);
    out.put("as_file", secret.as_file, false);
    out.put("optional", secret.optional, false);
    return out.take();
}

Result<SecretSpec> secret_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    SecretSpec out{in.string("secret", 512), in.boolean_or("as_file", false),
                   in.boolean_or("optional", false)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const ParamValue& param) {
    return json::Object{{"type", wire::text_of(param.type)}, {"value", wire::text(param.value)}};
}

Result<ParamValue> param_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ParamValue out;
    out.type = wire::enum_required<ParamType>(in, "type");
    out.value = in.string("value");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const InputSpec& input) {
    Writer out;
    out.object()["from"] = wire::text(input.from);
    out.put("to", input.to);
    out.put("optional", input.optional, false);
    return out.take();
}

Result<InputSpec> input_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    InputSpec out{in.string("from", 1024), in.string_or("to", "", 4096),
                  in.boolean_or("optional", false)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const CacheSpec& cache) {
    Writer out;
    out.object()["key"] = wire::text(cache.key);
    out.put("paths", cache.paths);
    out.put("restore", cache.restore);
    out.put("save", cache.save, SaveWhen::success);
    return out.take();
}

Result<CacheSpec> cache_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    CacheSpec out{in.string("key", 1024), in.strings_or_empty("paths"),
                  in.strings_or_empty("restore", 100), SaveWhen::success};
    out.save = wire::enum_or(in, "save", SaveWhen::success);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const OutputSpec& output) {
    Writer out;
    out.object()["type"] = wire::text_of(output.type);
    out.put("path", output.path);
    out.put("publish", output.publish);
    out.put("atomic", output.atomic, false);
    return out.take();
}

Result<OutputSpec> output_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    OutputSpec out;
    out.type = wire::enum_required<OutputType>(in, "type");
    out.path = in.string_or("path", "", 4096);
    out.publish = in.string_or("publish", "", 4096);
    out.atomic = in.boolean_or("atomic", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const ArtifactSpec& artifact) {
    wire::Writer out;
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

json::Value part_to_json(const ReportSpec& report) {
    return json::Object{{"format", wire::text(report.format)},
                        {"paths", wire::strings(report.paths)}};
}

Result<ReportSpec> report_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ReportSpec report;
    report.format = in.string("format", 64);
    report.paths = in.strings_or_empty("paths");
    SLUICE_CHECK(in.finish_strict());
    return report;
}

json::Value part_to_json(const Threshold& threshold) {
    Writer out;
    out.object()["metric"] = wire::text(threshold.metric);
    const auto put = [&](std::string_view key, const std::optional<Amount>& value) {
        if (value) out.object()[key] = amount_to_json(*value);
    };
    put("min", threshold.min);
    put("max", threshold.max);
    put("max_drop", threshold.max_drop);
    put("max_rise", threshold.max_rise);
    put("ignore_below", threshold.ignore_below);
    out.put("against", threshold.against, Against::merge_base);
    out.put("same_inputs", threshold.same_inputs);
    out.put_number("seeds", threshold.seeds, 1);
    out.put("missing_warns", threshold.missing_warns, false);
    return out.take();
}

Result<Threshold> threshold_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Threshold out;
    out.metric = in.string("metric", 512);
    out.min = amount(in, "min");
    out.max = amount(in, "max");
    out.max_drop = amount(in, "max_drop");
    out.max_rise = amount(in, "max_rise");
    out.ignore_below = amount(in, "ignore_below");
    out.against = wire::enum_or(in, "against", Against::merge_base);
    out.same_inputs = in.strings_or_empty("same_inputs", 100);
    out.seeds = small(in, "seeds", 1);
    out.missing_warns = in.boolean_or("missing_warns", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const LintSettings& lint) {
    Writer out;
    out.put("tools", lint.tools);
    out.put("level", lint.level, FindingLevel::warning);
    out.put("scope", lint.scope, FailScope::fresh);
    return out.take();
}

Result<LintSettings> lint_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    LintSettings out;
    out.tools = in.strings_or_empty("tools", 100);
    out.level = wire::enum_or(in, "level", FindingLevel::warning);
    out.scope = wire::enum_or(in, "scope", FailScope::fresh);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value part_to_json(const TestSettings& test) {
    Writer out;
    out.put_number("shards", test.shards, 1);
    out.put_number("shard", test.shard, 1);
    out.put_number("rerun_failed", test.rerun_failed, 0);
    out.put("framework", test.framework);
    return out.take();
}

Result<TestSettings> test_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    TestSettings out;
    out.shards = small(in, "shards", 1);
    out.shard = small(in, "shard", 1);
    out.rerun_failed = small(in, "rerun_failed", 0);
    out.framework = in.string_or("framework", "", 128);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::model
