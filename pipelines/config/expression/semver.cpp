#include "pipelines/config/expression/semver.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::config::expression {
namespace {

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_number(std::string_view text) {
    return is_digits(text) && text.size() <= 18 && (text.size() == 1 || text[0] != '0');
}

std::uint64_t number(std::string_view digits) {
    std::uint64_t out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
}

bool is_identifier(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
    });
}

/// The text from the sign on, taken off `rest`.
std::optional<std::string_view> cut_at(std::string_view& rest, char sign) {
    const std::size_t at = rest.find(sign);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view tail = rest.substr(at + 1);
    rest = rest.substr(0, at);
    return tail;
}

int three_way(std::uint64_t a, std::uint64_t b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

/// Numbers stand before words and compare as numbers.
int compare_identifiers(const std::string& a, const std::string& b) {
    if (is_digits(a) && is_digits(b)) return three_way(number(a), number(b));
    if (is_digits(a) != is_digits(b)) return is_digits(a) ? -1 : 1;
    const int order = a.compare(b);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

std::optional<Semver> parse_semver(std::string_view text) {
    if (text.size() > 128) return std::nullopt;
    std::string_view rest = text;
    if (rest.starts_with('v')) rest.remove_prefix(1);
    if (const auto build = cut_at(rest, '+')) {
        const auto parts = text::split(*build, '.');
        if (!std::all_of(parts.begin(), parts.end(), is_identifier)) return std::nullopt;
    }
    Semver out;
    if (const auto before = cut_at(rest, '-')) {
        out.before = text::split(*before, '.');
        for (const std::string& part : out.before)
            if (!is_identifier(part) || (is_digits(part) && !is_number(part))) return std::nullopt;
    }
    const auto numbers = text::split(rest, '.');
    if (numbers.size() > out.numbers.size() ||
        !std::all_of(numbers.begin(), numbers.end(), is_number))
        return std::nullopt;
    for (std::size_t i = 0; i < numbers.size(); ++i) out.numbers[i] = number(numbers[i]);
    return out;
}

int compare(const Semver& a, const Semver& b) {
    for (std::size_t i = 0; i < a.numbers.size(); ++i)
        if (const int order = three_way(a.numbers[i], b.numbers[i]); order != 0) return order;
    // A pre-release stands before its release.
    if (a.before.empty() || b.before.empty()) return three_way(a.before.empty(), b.before.empty());
    for (std::size_t i = 0; i < std::min(a.before.size(), b.before.size()); ++i)
        if (const int order = compare_identifiers(a.before[i], b.before[i]); order != 0)
            return order;
    return three_way(a.before.size(), b.before.size());
}

int compare_semver_texts(std::string_view a, std::string_view b) {
    const auto left = parse_semver(a), right = parse_semver(b);
    if (!left || !right) return three_way(left.has_value(), right.has_value());
    return compare(*left, *right);
}

}  // namespace sluice::config::expression
