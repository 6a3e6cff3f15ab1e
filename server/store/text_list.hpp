#pragma once
/// Lists of texts in one column, as a JSON array: written by this program alone.

#include "pipelines/base/json.hpp"

#include <string>
#include <vector>

namespace sluice::store {

inline std::string list_text(const std::vector<std::string>& items) {
    return json::serialize(json::Array(items.begin(), items.end()));
}

inline std::vector<std::string> list_of(const std::string& text) {
    std::vector<std::string> out;
    const auto value = json::parse(text).value();
    for (const auto& item : value.as_array()) out.emplace_back(item.as_string());
    return out;
}

}  // namespace sluice::store
