#pragma once
/// Looking into foreign JSON: what is absent or of another type reads as nothing. Pure, any thread.

#include "pipelines/base/json.hpp"

#include <algorithm>
#include <limits>

namespace sluice::reports::view {

inline const json::Value* member(const json::Value& value, std::string_view key) {
    const json::Object* object = value.if_object();
    return object == nullptr ? nullptr : object->if_contains(key);
}

/// A path of members.
template <class... Keys>
const json::Value* member(const json::Value& value, std::string_view key, Keys... more) {
    const json::Value* next = member(value, key);
    return next == nullptr ? nullptr : member(*next, more...);
}

template <class... Keys>
std::string_view string(const json::Value& value, Keys... keys) {
    const json::Value* found = member(value, keys...);
    if (found == nullptr || !found->is_string()) return {};
    return {found->as_string().data(), found->as_string().size()};
}

/// Whole numbers >= 0, cut at the largest int; 0 for anything else.
template <class... Keys>
int number(const json::Value& value, Keys... keys) {
    const json::Value* found = member(value, keys...);
    if (found == nullptr || !found->is_int64()) return 0;
    return static_cast<int>(
        std::clamp<std::int64_t>(found->as_int64(), 0, std::numeric_limits<int>::max()));
}

/// The elements; none when it is no array.
template <class... Keys>
const json::Array& array(const json::Value& value, Keys... keys) {
    static const json::Array k_none;
    const json::Value* found = member(value, keys...);
    const json::Array* list = found == nullptr ? nullptr : found->if_array();
    return list == nullptr ? k_none : *list;
}

}  // namespace sluice::reports::view
