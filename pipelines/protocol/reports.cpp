#include "pipelines/protocol/reports.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::protocol {

bool is_report_name(std::string_view name) {
    return name == "findings" || name == "tests" || name == "coverage";
}

json::Value to_json(const BaselineReply& value) {
    json::Object out{{"name", model::wire::text(value.name)},
                     {"job", value.job.value},
                     {"has_findings", value.has_findings},
                     {"has_tests", value.has_tests}};
    const auto put = [&out](const char* key, const std::optional<reports::Metrics>& metrics) {
        if (!metrics) return;
        json::Object numbers;
        for (const auto& [name, number] : *metrics) numbers[name] = number;
        out[key] = std::move(numbers);
    };
    put("metrics", value.metrics);
    put("target", value.target);
    if (value.changes) out["changes"] = reports::to_json(*value.changes);
    return out;
}

Result<BaselineReply> parse_baseline(const json::Value& value) {
    json::ObjectReader in(value, "");
    BaselineReply out;
    out.name = in.string("name", 4096);
    out.job.value = in.integer_or("job", 0, 0, model::wire::k_max_integer);
    out.has_findings = in.boolean_or("has_findings", false);
    out.has_tests = in.boolean_or("has_tests", false);
    const auto take = [&in](const char* key, std::optional<reports::Metrics>& into) {
        const json::Value* metrics = in.find(key);
        if (metrics == nullptr) return;
        into.emplace();
        if (!metrics->is_object()) return in.fail(key, "an object is required");
        for (const auto& member : metrics->as_object()) {
            if (!member.value().is_number())
                in.fail(key, "numbers are required");
            else
                (*into)[std::string(member.key())] = member.value().to_number<double>();
        }
    };
    take("metrics", out.metrics);
    take("target", out.target);
    if (const json::Value* changes = in.find("changes")) {
        SLUICE_TRY(out.changes, reports::changed_lines_from_json(*changes, "/changes"));
    }
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
