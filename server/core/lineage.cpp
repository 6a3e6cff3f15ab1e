#include "server/core/lineage.hpp"

namespace sluice::core {

std::string lineage_of(const store::Run& run, JobId job, const model::JobSpec& spec,
                       const protocol::FinishRequest& request) {
    json::Object params, inputs, metrics, environment;
    for (const auto& [name, param] : spec.params) params[name] = param.value;
    for (const auto& [name, digest] : request.input_digests) {
        const auto known = spec.inputs.find(name);
        inputs[name] =
            json::Object{{"from", known == spec.inputs.end() ? std::string() : known->second.from},
                         {"digest", digest}};
    }
    for (const auto& [name, value] : request.reports.metrics) metrics[name] = value;
    for (const auto& [name, value] : request.environment) environment[name] = value;
    if (!spec.image.empty()) environment["image"] = spec.image;
    return json::serialize(json::Object{{"commit", run.sha},
                                        {"branch", run.branch},
                                        {"run_id", run.id.value},
                                        {"run", run.number},
                                        {"job_id", job.value},
                                        {"job", spec.id},
                                        {"kind", spec.kind},
                                        {"params", std::move(params)},
                                        {"inputs", std::move(inputs)},
                                        {"metrics", std::move(metrics)},
                                        {"environment", std::move(environment)}});
}

}  // namespace sluice::core
