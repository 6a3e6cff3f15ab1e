#pragma once
/// What the end of an attempt means for its job (reference A3 `retry`, `allow_failure`, A6 step
/// 10). Pure; used by the server's lifecycle and by `sluice run`.

#include "pipelines/model/outcome.hpp"
#include "pipelines/model/spec.hpp"

#include <string>

namespace sluice::plan {

/// Which retry budget a cause draws on: a key of `retry`, or "" for none.
const char* retry_class(model::Cause cause);
/// How many further attempts a job has for that class.
int retry_budget(const model::JobSpec& spec, const std::string& retry);
/// `allow_failure` applied to the outcome of the last attempt.
model::JobEvent end_event(const model::JobSpec& spec, const model::Outcome& outcome);

}  // namespace sluice::plan
