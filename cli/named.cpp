#include "cli/named.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace sluice::cli {

namespace {

constexpr std::size_t k_most = 10;

std::string hint_of(const std::vector<std::string>& names, const Wanted& wanted) {
    if (const auto near = text::nearest(wanted.name, names))
        return *near == wanted.name ? "" : fmt::format("; did you mean '{}'?", *near);
    if (names.empty()) return wanted.where.empty() ? "; there is none" : "; it has none";
    std::string out = wanted.where.empty() ? "; there are: " : "; it has: ";
    for (std::size_t i = 0; i < std::min(names.size(), k_most); ++i)
        out += (i == 0 ? "" : ", ") + names[i];
    return out + (names.size() > k_most ? ", …" : "");
}

}  // namespace

Error unknown_name(const json::Array& items, const Wanted& wanted) {
    std::vector<std::string> names;
    for (const json::Value& item : items) names.push_back(text_of(item, wanted.key));
    const std::string who = wanted.where.empty() ? "no" : wanted.where + " has no";
    return error(Code::not_found, std::string(wanted.what) + "_unknown",
                 fmt::format("{} {} '{}'{}{}", who, wanted.what, wanted.name, wanted.more,
                             hint_of(names, wanted)));
}

Result<const json::Value*> find_named(const json::Array& items, const Wanted& wanted,
                                      const std::function<bool(const json::Value&)>& match) {
    for (const json::Value& item : items)
        if (match ? match(item) : text_of(item, wanted.key) == wanted.name) return &item;
    return unknown_name(items, wanted);
}

}  // namespace sluice::cli
