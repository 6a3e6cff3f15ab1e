/// The part of an attempt that deals in secrets: it fetches them, gives them to steps, and masks
/// them in what leaves the runner (engine rule 21: once, before the spool, for every sink).
#include "agent/runner/attempt.hpp"

#include <fmt/format.h>

namespace sluice::agent {

bool Attempt::fetch_secrets() {
    if (!wants_secrets(job_.spec)) return true;
    Result<protocol::SecretValues> values =
        ports_.secrets == nullptr
            ? Result<protocol::SecretValues>(
                  error(Code::unsupported, "no_secrets", "there is no server to ask for secrets"))
            : ports_.secrets->fetch(false);
    io_.poll();  // a stop may have come meanwhile
    if (stop_ != Stop::none) return false;
    if (values) {
        secrets_.take(std::move(*values), redactor_);
        return true;
    }
    note("secrets: " + values.error().message);
    failed_ = true;
    failure_ = {model::AttemptResult::errored, std::nullopt, std::nullopt, model::Cause::policy,
                "secrets: " + values.error().message};
    return false;
}

Result<> Attempt::give_secrets(const model::StepSpec& step, Environment& env) {
    if (secrets_.tokens_are_old()) {
        if (auto fresh = ports_.secrets->fetch(true))
            secrets_.take_tokens(std::move(fresh->id_tokens), redactor_);
        else
            note("id_tokens: no fresh ones: " + fresh.error().message);
    }
    return secrets_.put(job_.spec, step, env, executor_->places().secrets);
}

std::string Attempt::registry_login() {
    const std::string& name = job_.spec.image_settings.auth;
    return name.empty() ? "" : secrets_.value(name);
}

void Attempt::append_masked(std::string_view bytes) {
    if (bytes.empty()) return;
    if (Result<> written = ports_.spool.append(bytes); !written)
        request_stop(Stop::disk_full, written.error().message);
    ports_.sink.log_grew();
}

void Attempt::flush_output() {
    if (redactor_.holds_back()) append_masked(redactor_.flush());
}

void Attempt::mask_report() {
    if (redactor_.empty()) return;
    flush_output();
    json::Value value = to_json(report_);
    redactor_.mask(value);
    // A masked text is no longer than a limit allows but for the shortest, and these have none.
    if (auto masked = protocol::parse_finish(value)) {
        report_ = std::move(*masked);
        return;
    }
    report_.reports = {};
    report_.outputs.clear();
    report_.generated.reset();
    report_.outcome.message = redactor_.mask(report_.outcome.message);
    for (model::StepStatus& step : report_.steps) step.name = redactor_.mask(step.name);
    note("reports and outputs are dropped: they can't be masked");
}

}  // namespace sluice::agent
