#include "pipelines/model/wire.hpp"

namespace sluice::model::wire {

json::Value strings(const std::vector<std::string>& items) {
    json::Array out;
    out.reserve(items.size());
    for (const auto& item : items) out.push_back(text(item));
    return out;
}

json::Value string_map(const std::map<std::string, std::string>& items) {
    json::Object out;
    out.reserve(items.size());
    for (const auto& [name, value] : items) out[name] = text(value);
    return out;
}

std::optional<std::int64_t> integer_or_null(json::ObjectReader& reader, std::string_view key,
                                            std::int64_t min, std::int64_t max) {
    if (reader.find(key) == nullptr) return std::nullopt;
    return reader.integer(key, min, max);
}

std::optional<int> int_or_null(json::ObjectReader& reader, std::string_view key, int min, int max) {
    const auto value = integer_or_null(reader, key, min, max);
    if (!value) return std::nullopt;
    return static_cast<int>(*value);
}

Duration milliseconds(json::ObjectReader& reader, std::string_view key) {
    return Duration{reader.integer(key, 0, k_max_ms)};
}

std::optional<Duration> milliseconds_or_null(json::ObjectReader& reader, std::string_view key) {
    const auto value = integer_or_null(reader, key, 0, k_max_ms);
    if (!value) return std::nullopt;
    return Duration{*value};
}

double number_or(json::ObjectReader& reader, std::string_view key, double fallback) {
    const json::Value* value = reader.find(key);
    if (value == nullptr) return fallback;
    if (value->is_number()) return value->to_number<double>();
    reader.fail(key, "a number is required");
    return fallback;
}

}  // namespace sluice::model::wire
