#include "pipelines/reports/metrics.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/reports/json_documents.hpp"

#include <fmt/format.h>

namespace sluice::reports {
namespace {

constexpr std::size_t k_max_names = 1000;
constexpr std::size_t k_max_name = 256;

Result<> add(const std::string& name, const json::Value& value,
             std::map<std::string, double>& into) {
    if (name.size() > k_max_name)
        return error(Code::invalid, "bad_metrics",
                     fmt::format("a name of more than {} bytes", k_max_name));
    if (const json::Object* object = value.if_object()) {
        for (const auto& member : *object)
            SLUICE_CHECK(add(
                name.empty() ? std::string(member.key()) : name + "." + std::string(member.key()),
                member.value(), into));
        return {};
    }
    if (!value.is_number() || name.empty()) return {};
    into[name] = value.to_number<double>();
    if (into.size() > k_max_names)
        return error(Code::too_large, "bad_metrics",
                     fmt::format("more than {} metrics", k_max_names));
    return {};
}

}  // namespace

Result<> read_metrics(std::string_view text, std::map<std::string, double>& into) {
    JsonDocuments documents("bad_metrics", [&](const json::Value& value) -> Result<> {
        if (!value.is_object())
            return error(Code::invalid, "bad_metrics", "an object of numbers is expected");
        return add("", value, into);
    });
    SLUICE_CHECK(documents.feed(text));
    return documents.finish();
}

}  // namespace sluice::reports
