#include "server/api/views.hpp"

#include <algorithm>
#include "pipelines/base/text.hpp"
#include "pipelines/plan/outputs.hpp"

namespace sluice::api {

namespace {

json::Value parsed(const std::string& text, json::Value fallback) {
    boost::system::error_code failed;
    auto value = boost::json::parse(text, failed);
    return failed ? fallback : value;
}

json::Value number_or_null(std::int64_t value) {
    return value ? json::Value(value) : json::Value(nullptr);
}

/// `environment` as it was evaluated, once it was; null without.
json::Value environment_of(const json::Object& planned, const std::string& evaluated) {
    const auto late =
        evaluated.empty() ? json::Value(json::Object{}) : parsed(evaluated, json::Object{});
    const auto* named = late.as_object().if_contains("environment");
    if (named == nullptr) named = planned.if_contains("environment");
    if (named == nullptr || !named->is_object()) return nullptr;
    json::Object out{{"name", ""}, {"url", ""}};
    for (const auto& [key, value] : named->as_object()) out[key] = value;
    return out;
}

/// A value output as JSON of the type that the plan declares.
json::Value output(const json::Value& planned, std::string_view name, const json::Value& text) {
    boost::system::error_code none;
    const auto* type = planned.find_pointer("/spec/outputs/" + std::string(name) + "/type", none);
    if (type == nullptr || !type->is_string()) return text;
    const auto known = parse_enum<model::OutputType>(std::string_view(type->get_string()));
    return known ? plan::output_json(*known, std::string(text.get_string())) : text;
}

}  // namespace

json::Value view(const store::Policy& policy) {
    return json::Object{
        {"protected_branches", boost::json::value_from(policy.protected_branches)},
        {"protected_tags", boost::json::value_from(policy.protected_tags)},
        {"config_changes", to_text(policy.config_changes)},
        {"job_statuses", policy.job_statuses},
    };
}

json::Value time_or_null(const std::optional<std::int64_t>& ms) {
    if (!ms) return nullptr;
    return boost::json::string(format_timestamp({*ms}));
}

json::Value view(const store::Run& run) {
    return json::Object{
        {"id", run.id.value},
        {"number", run.number},
        {"project", run.project_name},
        {"project_id", run.project.value},
        {"event", run.event_kind},
        {"branch", run.branch},
        {"tag", run.tag},
        {"sha", run.sha},
        {"message", run.message},
        {"author", run.author},
        {"actor", run.actor},
        {"pr_number", number_or_null(run.pr_number)},
        {"state", to_text(run.state)},
        {"reason", run.reason},
        {"retry_of", number_or_null(run.retry_of)},
        {"created_at", format_timestamp(run.created_at)},
        {"finished_at", time_or_null(run.finished_at)},
        {"duration_ms", run.finished_at ? json::Value(*run.finished_at - run.created_at.ms)
                                        : json::Value(nullptr)},
        {"jobs_total", run.jobs_total},
        {"jobs_done", run.jobs_done},
        {"tier", to_text(run.tier)},
    };
}

json::Value view(const store::Job& job, const std::optional<core::LiveAttempt>& live,
                 std::int64_t log_size) {
    json::Array needs;
    json::Object matrix;
    bool allow_failure = false;
    json::Value approval = nullptr;
    json::Value environment = nullptr;
    json::Value shard = nullptr;
    const auto planned = parsed(job.planned, json::Object{});
    if (auto* object = planned.if_object()) {
        if (auto* list = object->if_contains("needs"); list && list->is_array())
            for (const auto& need : list->as_array())
                if (auto* name = need.if_object() ? need.as_object().if_contains("job") : nullptr)
                    needs.push_back(*name);
        if (auto* spec = object->if_contains("spec"); spec && spec->is_object()) {
            if (auto* cells = spec->as_object().if_contains("matrix"); cells && cells->is_object())
                matrix = cells->as_object();
            if (auto* test = spec->as_object().if_contains("test");
                test && test->is_object() && !job.shard_of.empty()) {
                const auto number = [&](const char* name) {
                    auto* value = test->as_object().if_contains(name);
                    return value ? *value : json::Value(1);
                };
                shard = json::Object{
                    {"of", job.shard_of}, {"index", number("shard")}, {"count", number("shards")}};
            }
            environment = environment_of(spec->as_object(), job.spec);
            if (auto* asked = spec->as_object().if_contains("approval");
                asked && asked->is_object())
                approval = asked->as_object();
            if (auto* allow = spec->as_object().if_contains("allow_failure"))
                allow_failure = allow->is_bool()
                                    ? allow->as_bool()
                                    : !allow->is_null() && json::serialize(*allow) !=
                                                               R"({"any":false,"exit_codes":[]})";
        }
    }
    json::Object outputs;
    const auto texts = parsed(job.outputs, json::Object{});
    for (const auto& [name, text] : texts.as_object())
        if (text.is_string()) outputs[name] = output(planned, name, text);
    json::Value steps = parsed(job.steps, json::Array{});
    if (live && !live->steps.empty()) {
        json::Array now;
        for (const auto& step : live->steps) now.push_back(model::to_json(step));
        steps = std::move(now);
    }
    return json::Object{
        {"id", job.id.value},
        {"run_id", job.run.value},
        {"key", job.key},
        {"base", job.base},
        {"name", job.name},
        {"kind", job.kind},
        {"state", to_text(job.state)},
        {"wait_reason", job.wait_reason},
        {"cause", to_text(job.cause)},
        {"message", job.message},
        {"exit_code", job.exit_code ? json::Value(*job.exit_code) : json::Value(nullptr)},
        {"allow_failure", allow_failure},
        {"approval", std::move(approval)},
        {"environment", std::move(environment)},
        {"needs", std::move(needs)},
        {"matrix", std::move(matrix)},
        {"shard", std::move(shard)},
        {"attempt", job.attempts},
        {"agent", job.agent},
        {"created_at", format_timestamp(job.created_at)},
        {"started_at", time_or_null(job.started_at)},
        {"finished_at", time_or_null(job.finished_at)},
        {"duration_ms", job.started_at && job.finished_at
                            ? json::Value(*job.finished_at - *job.started_at)
                            : json::Value(nullptr)},
        {"log_size", log_size},
        {"steps", std::move(steps)},
        {"reports", parsed(job.reports, json::Object{})},
        {"outputs", std::move(outputs)},
        {"carried_from", number_or_null(job.carried_from)},
    };
}

json::Value view(const store::Project& project, const std::optional<store::Run>& last) {
    return json::Object{
        {"id", project.id.value},
        {"name", project.name},
        {"url", project.url},
        {"default_branch", project.default_branch},
        {"created_at", format_timestamp(project.created_at)},
        {"policy", view(project.policy)},
        {"last_run", last ? view(*last) : json::Value(nullptr)},
    };
}

json::Value view(const store::Execution& execution, const std::optional<core::LiveAttempt>& live) {
    json::Array gpus;
    for (const std::string& uuid : text::split(execution.gpus, ','))
        if (!uuid.empty()) gpus.emplace_back(uuid);
    json::Value usage = parsed(execution.usage, json::Object{});
    if (live && !live->usage.empty()) {
        model::Usage now;
        now.samples = live->usage;
        now.cpu_ms = live->usage.back().cpu_ms;
        for (const auto& sample : live->usage) now.peak = std::max(now.peak, sample.resident);
        usage = model::to_json(now);
    }
    if (usage.as_object().empty()) usage = model::to_json(model::Usage{});
    return json::Object{{"facts", parsed(execution.facts, json::Object{})},
                        {"gpus", std::move(gpus)},
                        {"usage", std::move(usage)}};
}

json::Value view(const store::Agent& agent, bool online, const std::vector<JobId>& running,
                 const AgentResources& resources) {
    model::Reservation given;
    for (const model::Reservation& one : resources.given) {
        given.cpu_millis += one.cpu_millis;
        given.memory += one.memory;
        given.disk += one.disk;
        given.gpus.insert(given.gpus.end(), one.gpus.begin(), one.gpus.end());
    }
    json::Array gpus;
    for (const std::string& uuid : given.gpus) gpus.emplace_back(uuid);
    json::Array jobs;
    for (auto id : running) jobs.push_back(id.value);
    return json::Object{
        {"id", agent.id.value},
        {"name", agent.name},
        {"state", agent.draining ? "draining"
                  : agent.paused ? "paused"
                  : online       ? "online"
                                 : "offline"},
        {"labels", parsed(agent.labels, json::Array{})},
        {"capacity", agent.capacity},
        {"resources", resources.all ? model::to_json(*resources.all) : json::Value(nullptr)},
        {"reserved", json::Object{{"cpu_millis", given.cpu_millis},
                                  {"memory", given.memory},
                                  {"disk", given.disk},
                                  {"gpus", std::move(gpus)}}},
        {"running", std::move(jobs)},
        {"os", agent.os},
        {"arch", agent.arch},
        {"host", agent.host},
        {"build", agent.build},
        {"facts", parsed(agent.facts, json::Object{})},
        {"last_seen_at", time_or_null(agent.last_seen_at)},
        {"created_at", format_timestamp(agent.created_at)},
    };
}

json::Value view(const store::Token& token) {
    return json::Object{
        {"id", token.id.value},
        {"name", token.name},
        {"role", token.role},
        {"created_at", format_timestamp(token.created_at)},
        {"last_used_at", time_or_null(token.last_used_at)},
    };
}

json::Value view(const store::EventRow& event) {
    return json::Object{
        {"id", event.id.value},
        {"type", event.type},
        {"project_id", event.project.value},
        {"run_id", number_or_null(event.run.value)},
        {"job_id", number_or_null(event.job.value)},
        {"state", event.state},
        {"at", format_timestamp(event.at)},
    };
}

json::Value view(const store::Delivery& delivery) {
    return json::Object{
        {"id", delivery.id.value},
        {"source", delivery.source},
        {"delivery_id", delivery.delivery_id},
        {"project", delivery.project_name},
        {"kind", delivery.kind},
        {"state", delivery.state},
        {"outcome", delivery.outcome},
        {"run_id", number_or_null(delivery.run_id)},
        {"received_at", format_timestamp(delivery.received_at)},
    };
}

namespace {

json::Value view(const std::optional<core::ConfigReview>& config) {
    if (!config) return nullptr;
    const auto state = config->approved ? "approved" : config->needed ? "waiting" : "noted";
    return json::Object{
        {"files", boost::json::value_from(config->files)},
        {"jobs", boost::json::value_from(config->jobs)},
        {"gate", config->gate},
        {"policy", to_text(config->policy)},
        {"state", state},
        {"digest", config->digest},
        {"approved_by", config->by},
        {"reason", config->reason},
    };
}

}  // namespace

json::Value view(const core::Verdict& verdict, const std::string& project) {
    json::Array checks;
    for (const auto& check : verdict.checks)
        checks.push_back(json::Object{{"name", check.name},
                                      {"color", to_text(check.color)},
                                      {"state", check.state},
                                      {"note", check.note},
                                      {"job_id", number_or_null(check.job.value)}});
    return json::Object{
        {"project", project},
        {"sha", verdict.sha},
        {"branch", verdict.branch},
        {"verdict", to_text(verdict.color)},
        {"summary", verdict.summary},
        {"checks", std::move(checks)},
        {"run_id", number_or_null(verdict.run.value)},
        {"config_sha", verdict.config_sha},
        {"rules", to_text(verdict.rules)},
        {"config_change", view(verdict.config)},
    };
}

}  // namespace sluice::api
