#pragma once
/// What the end of an attempt means for its job (reference A3 `retry`, `allow_failure`, A6 step
/// 10). Pure; used by the server's lifecycle and by `sluice run`.

#include "pipelines/model/outcome.hpp"
#include "pipelines/model/spec.hpp"

#include <string>

namespace sluice::plan {

/// Which budget of further attempts an outcome draws on, and how large it is.
struct RetryRule {
    std::string name;  ///< a key of `retry` (`infra`, `script` …), `exit code 75`, or "" for none
    int budget = 0;
    bool operator==(const RetryRule&) const = default;
};
RetryRule retry_rule(const model::JobSpec& spec, const model::Outcome& outcome);
/// How long to wait before the attempt that follows `used` retries of the same rule.
Duration back_off(const model::JobSpec& spec, int used);
/// `allow_failure` applied to the outcome of the last attempt.
model::JobEvent end_event(const model::JobSpec& spec, const model::Outcome& outcome);

}  // namespace sluice::plan
