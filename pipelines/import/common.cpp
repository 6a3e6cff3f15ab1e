#include "pipelines/import/common.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/base/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::importer {

const std::string& JobIds::of(const std::string& source) {
    if (const auto found = ids_.find(source); found != ids_.end()) return found->second;
    std::string id;
    for (char c : source) {
        const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const bool fits = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') ||
                          small == '_' || small == '-';
        if (fits)
            id += small;
        else if (!id.ends_with('-') && !id.empty())
            id += '-';
    }
    while (id.ends_with('-')) id.pop_back();
    if (id.empty() || id[0] < 'a' || id[0] > 'z') id = "job-" + id;
    while (id.ends_with('-')) id.pop_back();
    id = id.substr(0, 60);
    const auto taken = [&](const std::string& text) {
        return std::any_of(ids_.begin(), ids_.end(),
                           [&](const auto& entry) { return entry.second == text; });
    };
    std::string unique = id;
    for (int n = 2; taken(unique); ++n) unique = fmt::format("{}-{}", id, n);
    return ids_.emplace(source, unique).first->second;
}

bool knows(config::Scopes scope, std::string_view key) {
    const config::Key* found = config::find_key(scope, key);
    return found != nullptr && found->pending.empty();
}

std::optional<std::string> minutes(const std::string& text) {
    double value = 0;
    auto [rest, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (bad != std::errc{} || rest != text.data() + text.size() || !(value > 0) || value > 100'000)
        return std::nullopt;
    return format_duration(Duration{static_cast<std::int64_t>(value * 60'000)});
}

std::optional<std::string> duration_of_words(const std::string& text) {
    static constexpr std::pair<std::string_view, std::int64_t> k_units[] = {
        {"w", 604'800},    {"d", 86'400}, {"h", 3'600}, {"mo", 2'592'000},
        {"y", 31'536'000}, {"mi", 60},    {"m", 60},    {"s", 1}};
    std::int64_t seconds = 0;
    std::size_t i = 0;
    const auto skip = [&] {
        while (i < text.size() && (text[i] == ' ' || text[i] == ',')) ++i;
    };
    for (skip(); i < text.size(); skip()) {
        if (text.compare(i, 3, "and") == 0) {
            i += 3;
            continue;
        }
        std::int64_t number = 0;
        auto [rest, bad] = std::from_chars(text.data() + i, text.data() + text.size(), number);
        if (bad != std::errc{} || number < 0 || number > 1'000'000) return std::nullopt;
        i = static_cast<std::size_t>(rest - text.data());
        skip();
        std::size_t end = i;
        while (end < text.size() && text[end] >= 'a' && text[end] <= 'z') ++end;
        const std::string unit = text.substr(i, end - i);
        std::int64_t factor = unit.empty() ? 1 : 0;
        // The longest prefix wins: `mo` before `m`, `mi` before `m`.
        std::size_t best = 0;
        for (const auto& [prefix, value] : k_units)
            if (unit.starts_with(prefix) && prefix.size() > best) {
                best = prefix.size();
                factor = value;
            }
        if (factor == 0) return std::nullopt;
        i = end;
        seconds += number * factor;
    }
    if (seconds <= 0) return std::nullopt;
    constexpr std::int64_t k_year = 366LL * 86'400;
    return format_duration(Duration{std::min(seconds, k_year) * 1000});
}

std::string one_line(const std::string& text) {
    std::string line = text.substr(0, text.find('\n'));
    return text::sanitize_utf8(line, 100);
}

void put_env(Out& owner, const std::string& name, const std::string& value, const Place& at,
             Ledger& ledger, const std::string& key) {
    if (name == "CI" || name.starts_with("CI_")) {
        ledger.lost(at, key,
                    fmt::format("`{}` cannot be set: Sluice sets the CI_* variables", name),
                    "give the variable another name");
        return;
    }
    owner.child_map("env").set(name, value);
}

}  // namespace sluice::importer
