#pragma once
/// JSON forms of the parts of a spec, for spec.cpp. from_json refuses unknown members. Pure, any
/// thread.

#include "pipelines/model/spec_parts.hpp"
#include "pipelines/model/wire.hpp"

namespace sluice::model {

AllowFailure allow_failure(json::ObjectReader& in, std::string_view key);
std::map<std::string, int> counts(json::ObjectReader& in, std::string_view key);

json::Value part_to_json(const ImageSettings& image);
json::Value part_to_json(const CheckoutSettings& checkout);
json::Value part_to_json(const Resources& resources);
json::Value part_to_json(const Backoff& backoff);
json::Value part_to_json(const SecretSpec& secret);
json::Value part_to_json(const ParamValue& param);
json::Value part_to_json(const InputSpec& input);
json::Value part_to_json(const CacheSpec& cache);
json::Value part_to_json(const OutputSpec& output);
json::Value part_to_json(const ArtifactSpec& artifact);
json::Value part_to_json(const ReportSpec& report);
json::Value part_to_json(const Threshold& threshold);
json::Value part_to_json(const LintSettings& lint);
json::Value part_to_json(const TestSettings& test);

Result<ImageSettings> image_from_json(const json::Value& value, std::string pointer);
Result<CheckoutSettings> checkout_from_json(const json::Value& value, std::string pointer);
Result<Resources> resources_from_json(const json::Value& value, std::string pointer);
Result<Backoff> backoff_from_json(const json::Value& value, std::string pointer);
Result<SecretSpec> secret_from_json(const json::Value& value, std::string pointer);
Result<ParamValue> param_from_json(const json::Value& value, std::string pointer);
Result<InputSpec> input_from_json(const json::Value& value, std::string pointer);
Result<CacheSpec> cache_from_json(const json::Value& value, std::string pointer);
Result<OutputSpec> output_from_json(const json::Value& value, std::string pointer);
Result<ArtifactSpec> artifact_from_json(const json::Value& value, std::string pointer);
Result<ReportSpec> report_from_json(const json::Value& value, std::string pointer);
Result<Threshold> threshold_from_json(const json::Value& value, std::string pointer);
Result<LintSettings> lint_from_json(const json::Value& value, std::string pointer);
Result<TestSettings> test_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model
