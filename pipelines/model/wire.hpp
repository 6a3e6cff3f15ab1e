#pragma once
/// Helpers that the JSON forms of the model and of the agent protocol share. Pure, any thread.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"
#include "pipelines/base/time.hpp"

#include <fmt/format.h>

#include <limits>

namespace sluice::model::wire {

inline constexpr std::int64_t k_max_integer = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t k_max_ms = 366LL * 24 * 3'600'000;
/// Log offsets and sizes: far above any log_limit.
inline constexpr std::int64_t k_max_bytes = 1LL << 50;

inline json::Value text(std::string_view value) {
    return json::Value(boost::json::string_view(value.data(), value.size()));
}

template <TextEnum E>
json::Value text_of(E value) {
    return text(to_text(value));
}

json::Value strings(const std::vector<std::string>& items);
json::Value string_map(const std::map<std::string, std::string>& items);

/// The member as an enumerator; the message of a refusal lists the names.
template <TextEnum E>
E enum_or(json::ObjectReader& reader, std::string_view key, E fallback) {
    if (reader.find(key) == nullptr) return fallback;
    const std::string name = reader.string(key, 64);
    if (auto found = parse_enum<E>(name)) return *found;
    std::string names;
    for (const auto known : EnumNames<E>::names) names += fmt::format(" {}", known);
    if (!name.empty()) reader.fail(key, fmt::format("`{}` is none of{}", name, names));
    return fallback;
}

template <TextEnum E>
E enum_required(json::ObjectReader& reader, std::string_view key) {
    if (reader.find(key) == nullptr) reader.fail(key, "a string is required");
    return enum_or(reader, key, E{});
}

std::optional<std::int64_t> integer_or_null(json::ObjectReader& reader, std::string_view key,
                                            std::int64_t min, std::int64_t max);
std::optional<int> int_or_null(json::ObjectReader& reader, std::string_view key, int min, int max);
/// A member `*_ms`.
Duration milliseconds(json::ObjectReader& reader, std::string_view key);
std::optional<Duration> milliseconds_or_null(json::ObjectReader& reader, std::string_view key);

/// Reads every element of an optional array with `read(value, pointer)`, which returns Result<T>.
/// The first error wins.
template <class T, class Read>
Result<std::vector<T>> list(json::ObjectReader& reader, std::string_view key, std::size_t max_items,
                            Read read) {
    std::vector<T> out;
    const json::Array* items = reader.array_or_null(key);
    if (items == nullptr) return out;
    if (items->size() > max_items) {
        reader.fail(key, fmt::format("{} items, at most {}", items->size(), max_items));
        return out;
    }
    out.reserve(items->size());
    for (std::size_t i = 0; i < items->size(); ++i) {
        SLUICE_TRY(T item, read((*items)[i], reader.pointer(key, i)));
        out.push_back(std::move(item));
    }
    return out;
}

/// Reads every member of an optional object with `read(value, pointer)`. The first error wins.
template <class T, class Read>
Result<std::map<std::string, T>> map_of(json::ObjectReader& reader, std::string_view key,
                                        std::size_t max_items, Read read) {
    std::map<std::string, T> out;
    const json::Value* value = reader.find(key);
    if (value == nullptr) return out;
    const json::Object* members = value->if_object();
    if (members == nullptr || members->size() > max_items) {
        reader.fail(key, fmt::format("an object of at most {} members is required", max_items));
        return out;
    }
    for (const auto& [name, item] : *members) {
        std::string inside(name.begin(), name.end());
        SLUICE_TRY(T read_item, read(item, reader.pointer(key) + "/" + inside));
        out.emplace(std::move(inside), std::move(read_item));
    }
    return out;
}

/// Reads an optional member with `read(value, pointer)`.
template <class T, class Read>
Result<std::optional<T>> maybe(json::ObjectReader& reader, std::string_view key, Read read) {
    std::optional<T> out;
    const json::Value* value = reader.find(key);
    if (value == nullptr) return out;
    SLUICE_TRY(out, read(*value, reader.pointer(key)));
    return out;
}

/// A whole number or decimal; `fallback` when absent.
double number_or(json::ObjectReader& reader, std::string_view key, double fallback);

}  // namespace sluice::model::wire
