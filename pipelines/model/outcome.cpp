#include "pipelines/model/outcome.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::model {
namespace {

constexpr int k_max_int = std::numeric_limits<int>::max();

json::Value optional_int(const std::optional<int>& value) {
    if (!value) return nullptr;
    return *value;
}

}  // namespace

json::Value to_json(const Outcome& outcome) {
    return json::Object{{"result", wire::text_of(outcome.result)},
                        {"exit_code", optional_int(outcome.exit_code)},
                        {"signal", optional_int(outcome.signal)},
                        {"cause", wire::text_of(outcome.cause)},
                        {"message", wire::text(outcome.message)}};
}

Result<Outcome> outcome_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Outcome outcome;
    outcome.result = wire::enum_required<AttemptResult>(in, "result");
    outcome.exit_code = wire::int_or_null(in, "exit_code", -k_max_int, k_max_int);
    outcome.signal = wire::int_or_null(in, "signal", 0, 255);
    outcome.cause = wire::enum_or(in, "cause", Cause::none);
    outcome.message = in.string_or("message", "", 4096);
    SLUICE_CHECK(in.finish_strict());
    return outcome;
}

json::Value to_json(const StepStatus& step) {
    return json::Object{{"name", wire::text(step.name)},
                        {"state", wire::text_of(step.state)},
                        {"exit_code", optional_int(step.exit_code)},
                        {"log_begin", step.log_begin},
                        {"log_end", step.log_end},
                        {"duration_ms", step.duration_ms}};
}

Result<StepStatus> step_status_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    StepStatus step;
    step.name = in.string("name");
    step.state = wire::enum_required<StepState>(in, "state");
    step.exit_code = wire::int_or_null(in, "exit_code", -k_max_int, k_max_int);
    step.log_begin = in.integer_or("log_begin", 0, 0, wire::k_max_bytes);
    step.log_end = in.integer_or("log_end", 0, 0, wire::k_max_bytes);
    step.duration_ms = in.integer_or("duration_ms", 0, 0, wire::k_max_integer);
    SLUICE_CHECK(in.finish_strict());
    return step;
}

}  // namespace sluice::model
