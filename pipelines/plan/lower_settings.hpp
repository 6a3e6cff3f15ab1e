#pragma once
/// The keys of a merged job that become fields of its spec, beside the commands. Pure.

#include "pipelines/plan/evaluation.hpp"

namespace sluice::plan {

/// Everything but id, kind, name, env, steps and params. Mistakes are in the evaluation.
void lower_settings(const config::Node& job, Evaluation& evaluation, model::JobSpec& spec);

/// `allow_failure` of a job or step; `node` may be nullptr.
model::AllowFailure allow_failure(const config::Node* node, Evaluation& evaluation);
/// `concurrency` of a job or a run.
model::Concurrency concurrency_of(const config::Node& node, Evaluation& evaluation);
/// A duration that the schema accepted, or nothing.
std::optional<Duration> duration_of(const config::Node* node);
/// `secrets` of a job or step.
std::map<std::string, model::SecretSpec> secrets_of(const config::Node* node);

}  // namespace sluice::plan
