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
    if (value.metrics) {
        json::Object metrics;
        for (const auto& [name, number] : *value.metrics) metrics[name] = number;
        out["metrics"] = std::move(metrics);
    }
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
    if (const json::Value* metrics = in.find("metrics")) {
        out.metrics.emplace();
        if (!metrics->is_object()) in.fail("metrics", "an object is required");
        if (metrics->is_object())
            for (const auto& member : metrics->as_object()) {
                if (!member.value().is_number())
                    in.fail("metrics", "numbers are required");
                else
                    (*out.metrics)[std::string(member.key())] = member.value().to_number<double>();
            }
    }
    if (const json::Value* changes = in.find("changes")) {
        SLUICE_TRY(out.changes, reports::changed_lines_from_json(*changes, "/changes"));
    }
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
