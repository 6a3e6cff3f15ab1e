#pragma once
/// Writes JSON objects of the model. Pure, any thread.

#include "pipelines/model/spec_parts.hpp"
#include "pipelines/model/wire.hpp"

namespace sluice::model::wire {

/// Members in the order of the calls. What is empty or the default is left out: a spec travels with
/// every claim.
class Writer {
public:
    void put(std::string_view key, const std::string& value) {
        if (!value.empty()) out_[key] = wire::text(value);
    }
    void put(std::string_view key, const std::vector<std::string>& value) {
        if (!value.empty()) out_[key] = wire::strings(value);
    }
    void put(std::string_view key, const std::map<std::string, std::string>& value) {
        if (!value.empty()) out_[key] = wire::string_map(value);
    }
    void put(std::string_view key, const std::optional<Duration>& value) {
        if (value) out_[key] = value->count();
    }
    template <TextEnum E>
    void put(std::string_view key, E value, E fallback) {
        if (value != fallback) out_[key] = wire::text_of(value);
    }
    void put(std::string_view key, bool value, bool fallback) {
        if (value != fallback) out_[key] = value;
    }
    void put(std::string_view key, const AllowFailure& value) {
        if (value.any) out_[key] = true;
        if (value.any || value.exit_codes.empty()) return;
        json::Array codes;
        for (const int code : value.exit_codes) codes.push_back(code);
        out_[key] = std::move(codes);
    }
    void put(std::string_view key, json::Array value) {
        if (!value.empty()) out_[key] = std::move(value);
    }
    void put_number(std::string_view key, std::int64_t value, std::int64_t fallback) {
        if (value != fallback) out_[key] = value;
    }
    void put_object(std::string_view key, json::Object value) {
        if (!value.empty()) out_[key] = std::move(value);
    }
    /// A map of names to what `write(value)` makes of each.
    template <class T, class Write>
    void put_each(std::string_view key, const std::map<std::string, T>& items, Write write) {
        json::Object out;
        out.reserve(items.size());
        for (const auto& [name, item] : items) out[name] = write(item);
        put_object(key, std::move(out));
    }
    template <class T, class Write>
    void put_each(std::string_view key, const std::vector<T>& items, Write write) {
        json::Array out;
        out.reserve(items.size());
        for (const T& item : items) out.push_back(write(item));
        put(key, std::move(out));
    }
    json::Object take() { return std::move(out_); }
    json::Object& object() { return out_; }

private:
    json::Object out_;
};

}  // namespace sluice::model::wire
