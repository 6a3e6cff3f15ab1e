#include "pipelines/model/usage.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::model {

json::Value to_json(const UsageSample& sample) {
    return json::Object{
        {"at_ms", sample.at_ms}, {"cpu_ms", sample.cpu_ms}, {"resident", sample.resident}};
}

json::Value to_json(const Usage& usage) {
    json::Array samples;
    for (const UsageSample& sample : usage.samples) samples.push_back(to_json(sample));
    return json::Object{
        {"cpu_ms", usage.cpu_ms}, {"peak", usage.peak}, {"samples", std::move(samples)}};
}

Result<UsageSample> usage_sample_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    UsageSample out;
    out.at_ms = in.integer("at_ms", 0, wire::k_max_integer);
    out.cpu_ms = in.integer("cpu_ms", 0, wire::k_max_integer);
    out.resident = in.integer("resident", 0, wire::k_max_integer);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

Result<Usage> usage_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Usage out;
    out.cpu_ms = in.integer_or("cpu_ms", 0, 0, wire::k_max_integer);
    out.peak = in.integer_or("peak", 0, 0, wire::k_max_integer);
    SLUICE_TRY(out.samples,
               wire::list<UsageSample>(in, "samples", k_usage_samples_max, usage_sample_from_json));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::model
