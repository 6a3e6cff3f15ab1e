#include "pipelines/plan/ending.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::plan {

using model::Cause;
using model::JobEvent;

namespace {

/// The key of `retry` for a cause, or "" for none.
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

bool allowed_to_fail(const model::AllowFailure& allow, const model::Outcome& outcome) {
    if (allow.any) return true;
    if (!outcome.exit_code || outcome.cause != Cause::script) return false;
    return std::find(allow.exit_codes.begin(), allow.exit_codes.end(), *outcome.exit_code) !=
           allow.exit_codes.end();
}

}  // namespace

RetryRule retry_rule(const model::JobSpec& spec, const model::Outcome& outcome) {
    if (outcome.result != model::AttemptResult::failed &&
        outcome.result != model::AttemptResult::errored)
        return {};
    RetryRule out{retry_class(outcome.cause)};
    if (out.name.empty()) return {};
    if (outcome.cause == Cause::script && outcome.exit_code)
        if (const auto code = spec.retry_exit_codes.find(*outcome.exit_code);
            code != spec.retry_exit_codes.end())
            return {fmt::format("exit code {}", code->first), code->second};
    if (const auto at = spec.retry.find(out.name); at != spec.retry.end())
        out.budget = at->second;
    else if (spec.replayable)
        out.budget = out.name == "infra" ? 2 : out.name == "preempted" ? 10 : 0;
    return out;
}

Duration back_off(const model::JobSpec& spec, int used) {
    if (!spec.backoff) return Duration{std::min<std::int64_t>(30'000, 1000LL << std::min(used, 5))};
    const double wanted = static_cast<double>(spec.backoff->base.count()) *
                          std::pow(spec.backoff->factor, std::min(used, 1000));
    const auto most = static_cast<double>(spec.backoff->max.count());
    return Duration{static_cast<std::int64_t>(std::clamp(wanted, 0.0, most))};
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
