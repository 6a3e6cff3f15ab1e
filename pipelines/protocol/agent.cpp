#include "pipelines/protocol/agent.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/model/wire.hpp"

namespace sluice::protocol {
namespace {

namespace wire = model::wire;

// Ids are integers of 1 … 2^63-1; JavaScript never sees them, so no need for text.
template <class IdType>
IdType id(json::ObjectReader& in, std::string_view key) {
    return IdType{in.integer(key, 1, wire::k_max_integer)};
}

template <class T>
json::Value array(const std::vector<T>& items) {
    json::Array out;
    out.reserve(items.size());
    for (const T& item : items) out.push_back(to_json(item));
    return out;
}

Result<std::vector<model::StepStatus>> steps(json::ObjectReader& in) {
    return wire::list<model::StepStatus>(in, "steps", 1000, model::step_status_from_json);
}

Result<ClaimedJob> claimed_job(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ClaimedJob job;
    job.attempt = id<AttemptId>(in, "attempt");
    job.job = id<JobId>(in, "job");
    job.run = id<RunId>(in, "run");
    job.epoch = in.integer("epoch", 1, wire::k_max_integer);
    job.lease_token = in.string("lease_token", 256);
    job.lease = wire::milliseconds(in, "lease_ms");
    if (const json::Value* spec = in.find("spec")) {
        SLUICE_TRY(job.spec, model::job_spec_from_json(*spec, in.pointer("spec")));
    } else {
        in.fail("spec", "an object is required");
    }
    job.env = in.string_map_or_empty("env");
    job.sha = in.string_or("sha", "", 64);
    job.project = {in.integer_or("project", 0, 0, wire::k_max_integer)};
    job.scope = in.string_or("scope", "", 64);
    job.log_limit = in.integer("log_limit", 0, wire::k_max_bytes);
    job.gpus = in.strings_or_empty("gpus", 1024);
    job.source = in.boolean_or("source", true);
    job.keep = wire::milliseconds_or_null(in, "keep_ms").value_or(Duration{0});
    SLUICE_CHECK(in.finish_strict());
    return job;
}

}  // namespace

json::Value to_json(const RegisterRequest& value) {
    return json::Object{{"protocol", value.protocol},
                        {"token", wire::text(value.token)},
                        {"install_id", wire::text(value.install_id)},
                        {"name", wire::text(value.name)},
                        {"build", wire::text(value.build)},
                        {"labels", wire::strings(value.labels)},
                        {"os", wire::text(value.os)},
                        {"arch", wire::text(value.arch)},
                        {"host", wire::text(value.host)},
                        {"cpus", value.cpus}};
}

Result<RegisterRequest> parse_register(const json::Value& value) {
    json::ObjectReader in(value, "");
    RegisterRequest out;
    out.protocol = static_cast<int>(in.integer("protocol", 0, 1'000'000));
    // A newer agent may send members that we do not know: it must hear "upgrade", not "unknown
    // member".
    const bool same_protocol = out.protocol == k_version;
    out.token = in.string("token", 256);
    out.install_id = in.string("install_id", 128);
    out.name = in.string("name", 256);
    out.build = in.string_or("build", "", 256);
    out.labels = in.strings_or_empty("labels", 256);
    out.os = in.string_or("os", "", 256);
    out.arch = in.string_or("arch", "", 256);
    out.host = in.string_or("host", "", 256);
    out.cpus = static_cast<int>(in.integer_or("cpus", 1, 1, 1'000'000));
    SLUICE_CHECK(same_protocol ? in.finish_strict() : in.finish());
    return out;
}

json::Value to_json(const RegisterReply& value) {
    return json::Object{{"agent", value.agent.value},
                        {"token", wire::text(value.token)},
                        {"name", wire::text(value.name)},
                        {"labels", wire::strings(value.labels)},
                        {"server_id", wire::text(value.server_id)}};
}

Result<RegisterReply> parse_register_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    RegisterReply out;
    out.agent = id<AgentId>(in, "agent");
    out.token = in.string("token", 256);
    out.name = in.string("name", 256);
    out.labels = in.strings_or_empty("labels", 256);
    out.server_id = in.string("server_id", 128);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const ClaimRequest& value) {
    json::Array holding;
    for (const AttemptId attempt : value.holding) holding.push_back(attempt.value);
    json::Object out{{"session", wire::text(value.session)},
                     {"seq", value.seq},
                     {"free", value.free},
                     {"capacity", value.capacity},
                     {"holding", std::move(holding)},
                     {"executors", wire::strings(value.executors)},
                     {"draining", value.draining},
                     {"wait_ms", value.wait.count()}};
    if (value.resources) out["resources"] = model::to_json(*value.resources);
    return out;
}

Result<ClaimRequest> parse_claim(const json::Value& value) {
    json::ObjectReader in(value, "");
    ClaimRequest out;
    out.session = in.string("session", 128);
    out.seq = in.integer("seq", 0, wire::k_max_integer);
    out.free = static_cast<int>(in.integer("free", 0, 100'000));
    out.capacity = static_cast<int>(in.integer_or("capacity", 1, 0, 100'000));
    if (in.find("executors") != nullptr) out.executors = in.strings_or_empty("executors", 16);
    SLUICE_TRY(out.holding,
               wire::list<AttemptId>(
                   in, "holding", 100'000,
                   [](const json::Value& item, std::string place) -> Result<AttemptId> {
                       const std::int64_t* number = item.if_int64();
                       if (number != nullptr && *number > 0) return AttemptId{*number};
                       return error(Code::invalid, "bad_field",
                                    "holding: an attempt id is required", std::move(place));
                   }));
    SLUICE_TRY(out.resources,
               wire::maybe<model::Capacity>(in, "resources", model::capacity_from_json));
    out.draining = in.boolean_or("draining", false);
    out.wait = wire::milliseconds_or_null(in, "wait_ms").value_or(Duration{0});
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const ClaimedJob& value) {
    json::Object out{{"attempt", value.attempt.value},
                     {"job", value.job.value},
                     {"run", value.run.value},
                     {"epoch", value.epoch},
                     {"lease_token", wire::text(value.lease_token)},
                     {"lease_ms", value.lease.count()},
                     {"spec", model::to_json(value.spec)},
                     {"env", wire::string_map(value.env)},
                     {"sha", wire::text(value.sha)},
                     {"project", value.project.value},
                     {"scope", wire::text(value.scope)},
                     {"log_limit", value.log_limit},
                     {"gpus", wire::strings(value.gpus)},
                     {"source", value.source}};
    if (value.keep.count() > 0) out["keep_ms"] = value.keep.count();
    return out;
}

Result<ClaimedJob> parse_claimed_job(const json::Value& value) {
    return claimed_job(value, "");
}

json::Value to_json(const ClaimReply& value) {
    return json::Object{{"jobs", array(value.jobs)}};
}

Result<ClaimReply> parse_claim_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    ClaimReply out;
    if (in.find("jobs") == nullptr) in.fail("jobs", "an array is required");
    SLUICE_TRY(out.jobs, wire::list<ClaimedJob>(in, "jobs", 10'000, claimed_job));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const StartRequest& value) {
    return json::Object{{"runner_instance", wire::text(value.runner_instance)}};
}

Result<StartRequest> parse_start(const json::Value& value) {
    json::ObjectReader in(value, "");
    StartRequest out{in.string("runner_instance", 128)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const RenewRequest& value) {
    json::Object out{{"wait_ms", value.wait.count()},
                     {"runner_instance", wire::text(value.runner_instance)}};
    if (value.usage) out["usage"] = model::to_json(*value.usage);
    return out;
}

Result<RenewRequest> parse_renew(const json::Value& value) {
    json::ObjectReader in(value, "");
    RenewRequest out;
    out.wait = wire::milliseconds_or_null(in, "wait_ms").value_or(Duration{0});
    out.runner_instance = in.string_or("runner_instance", "", 128);
    SLUICE_TRY(out.usage,
               wire::maybe<model::UsageSample>(in, "usage", model::usage_sample_from_json));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const RenewReply& value) {
    json::Object out{{"lease_ms", value.lease.count()}, {"cancel", value.cancel}};
    if (!value.reason.empty()) out["reason"] = wire::text(value.reason);
    return out;
}

Result<RenewReply> parse_renew_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    RenewReply out;
    out.lease = wire::milliseconds(in, "lease_ms");
    out.cancel = in.boolean_or("cancel", false);
    out.reason = in.string_or("reason", "", 4096);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const LogReply& value) {
    return json::Object{{"offset", value.offset}, {"cancel", value.cancel}};
}

Result<LogReply> parse_log_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    LogReply out;
    out.offset = in.integer("offset", 0, wire::k_max_bytes);
    out.cancel = in.boolean_or("cancel", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const ProgressRequest& value) {
    return json::Object{{"steps", array(value.steps)}};
}

Result<ProgressRequest> parse_progress(const json::Value& value) {
    json::ObjectReader in(value, "");
    ProgressRequest out;
    SLUICE_TRY(out.steps, steps(in));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const FinishRequest& value) {
    json::Object out{{"runner_instance", wire::text(value.runner_instance)},
                     {"outcome", model::to_json(value.outcome)},
                     {"log_size", value.log_size},
                     {"log_crc32c", value.log_crc32c},
                     {"steps", array(value.steps)},
                     {"reports", model::to_json(value.reports)},
                     {"outputs", wire::string_map(value.outputs)},
                     {"facts", wire::string_map(value.facts)},
                     {"usage", model::to_json(value.usage)},
                     {"duration_ms", value.duration_ms},
                     {"salvaged", value.salvaged}};
    if (value.inline_log_offset) {
        out["inline_log_offset"] = *value.inline_log_offset;
        out["inline_log"] = text::to_base64(value.inline_log);
    }
    if (value.generated) out["generated"] = wire::text(*value.generated);
    if (!value.input_digests.empty()) out["inputs"] = wire::string_map(value.input_digests);
    if (!value.environment.empty()) out["environment"] = wire::string_map(value.environment);
    if (value.memo) out["memo"] = wire::string_map(*value.memo);
    if (!value.packs.empty()) {
        json::Array packs;
        for (const PackRef& pack : value.packs) packs.push_back(to_json(pack));
        out["packs"] = std::move(packs);
    }
    return out;
}

Result<FinishRequest> parse_finish(const json::Value& value) {
    json::ObjectReader in(value, "");
    FinishRequest out;
    out.runner_instance = in.string_or("runner_instance", "", 128);
    if (const json::Value* outcome = in.find("outcome")) {
        SLUICE_TRY(out.outcome, model::outcome_from_json(*outcome, in.pointer("outcome")));
    } else {
        in.fail("outcome", "an object is required");
    }
    out.log_size = in.integer("log_size", 0, wire::k_max_bytes);
    out.log_crc32c = static_cast<std::uint32_t>(in.integer("log_crc32c", 0, 0xFFFF'FFFFLL));
    out.inline_log_offset = wire::integer_or_null(in, "inline_log_offset", 0, wire::k_max_bytes);
    const std::string base64 = in.string_or("inline_log", "", (k_inline_log_max + 2) / 3 * 4);
    if (auto bytes = text::from_base64(base64); bytes && bytes->size() <= k_inline_log_max) {
        out.inline_log = std::move(*bytes);
    } else {
        in.fail("inline_log",
                fmt::format("base64 of at most {} bytes is required", k_inline_log_max));
    }
    if (!out.inline_log.empty() && !out.inline_log_offset)
        in.fail("inline_log_offset", "is required with inline_log");
    SLUICE_TRY(out.steps, steps(in));
    if (const json::Value* reports = in.find("reports")) {
        SLUICE_TRY(out.reports, model::reports_from_json(*reports, in.pointer("reports")));
    }
    out.outputs = in.string_map_or_empty("outputs", 1000);
    out.input_digests = in.string_map_or_empty("inputs", 1000);
    out.environment = in.string_map_or_empty("environment", 100);
    if (in.find("memo") != nullptr) out.memo = in.string_map_or_empty("memo", 1000);
    SLUICE_TRY(out.packs, wire::list<PackRef>(in, "packs", k_packs_max, pack_from_json));
    out.facts = in.string_map_or_empty("facts", 64);
    if (const json::Value* usage = in.find("usage")) {
        SLUICE_TRY(out.usage, model::usage_from_json(*usage, in.pointer("usage")));
    }
    if (in.find("generated") != nullptr) out.generated = in.string("generated", k_generated_max);
    out.duration_ms = in.integer_or("duration_ms", 0, 0, wire::k_max_integer);
    out.salvaged = in.boolean_or("salvaged", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const FinishReply& value) {
    return json::Object{{"state", wire::text_of(value.state)}};
}

Result<FinishReply> parse_finish_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    FinishReply out;
    out.state = wire::enum_required<model::JobState>(in, "state");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const SourceRequest& value) {
    json::Object out{{"have", wire::strings(value.have)}};
    if (value.history) out["history"] = true;
    if (!value.submodule.empty()) out["submodule"] = wire::text(value.submodule);
    return out;
}

Result<SourceRequest> parse_source(const json::Value& value) {
    json::ObjectReader in(value, "");
    SourceRequest out{in.strings_or_empty("have", k_source_have_max),
                      in.boolean_or("history", false), in.string_or("submodule", "", 8192)};
    for (const std::string& commit : out.have)
        if (!text::is_commit_id(commit)) in.fail("have", "commits are 40 or 64 hex digits");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const SubmodulesReply& value) {
    json::Array out;
    for (const auto& submodule : value.submodules)
        out.push_back(json::Object{{"path", wire::text(submodule.path)},
                                   {"commit", wire::text(submodule.commit)},
                                   {"url", wire::text(submodule.url)}});
    return json::Object{{"submodules", std::move(out)}};
}

Result<SubmodulesReply> parse_submodules_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    SubmodulesReply out;
    const auto read = [](const json::Value& entry,
                         std::string pointer) -> Result<SubmodulesReply::Submodule> {
        json::ObjectReader reader(entry, std::move(pointer));
        SubmodulesReply::Submodule submodule{
            reader.string("path", 8192), reader.string("commit", 64), reader.string("url", 4096)};
        if (!text::is_commit_id(submodule.commit))
            reader.fail("commit", "commits are 40 or 64 hex digits");
        SLUICE_CHECK(reader.finish_strict());
        return submodule;
    };
    SLUICE_TRY(out.submodules,
               wire::list<SubmodulesReply::Submodule>(in, "submodules", 1000, read));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
