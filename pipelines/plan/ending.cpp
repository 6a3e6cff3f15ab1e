#include "pipelines/plan/ending.hpp"

#include <algorithm>

namespace sluice::plan {

using model::Cause;
using model::JobEvent;

namespace {

bool allowed_to_fail(const model::AllowFailure& allow, const model::Outcome& outcome) {
    if (allow.any) return true;
    if (!outcome.exit_code || outcome.cause != Cause::script) return false;
    return std::find(allow.exit_codes.begin(), allow.exit_codes.end(), *outcome.exit_code) !=
           allow.exit_codes.end();
}

}  // namespace

const char* retry_class(Cause cause) {
    switch (cause) {
        case Cause::agent_lost:
        case Cause::runner_lost:
        case Cause::setup:
        case Cause::image: return "infra";
        case Cause::preempted: return "preempted";
        case Cause::timeout: return "timeout";
        case Cause::oom: return "oom";
        case Cause::script: return "script";
        case Cause::none:
        case Cause::cancelled:
        case Cause::superseded:
        case Cause::config:
        case Cause::policy: return "";
    }
    return "";
}

int retry_budget(const model::JobSpec& spec, const std::string& retry) {
    auto at = spec.retry.find(retry);
    if (at != spec.retry.end()) return at->second;
    if (!spec.replayable) return 0;
    return retry == "infra" ? 2 : retry == "preempted" ? 10 : 0;
}

JobEvent end_event(const model::JobSpec& spec, const model::Outcome& outcome) {
    switch (outcome.result) {
        case model::AttemptResult::passed: return JobEvent::pass;
        case model::AttemptResult::failed:
            return allowed_to_fail(spec.allow_failure, outcome) ? JobEvent::warn : JobEvent::fail;
        case model::AttemptResult::errored:
            return allowed_to_fail(spec.allow_failure, outcome) ? JobEvent::warn : JobEvent::error;
        case model::AttemptResult::cancelled: return JobEvent::cancel;
    }
    return JobEvent::error;
}

}  // namespace sluice::plan
