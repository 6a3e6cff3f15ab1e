#include "roman/roman.hpp"

#include <utility>

namespace roman {

namespace {
constexpr std::pair<int, const char*> k_parts[] = {
    {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
    {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"},
};
}  // namespace

std::string to_roman(int number) {
    if (number < 1 || number > 3999) return {};
    std::string text;
    for (const auto& [value, letters] : k_parts)
        for (; number >= value; number -= value) text += letters;
    return text;
}

std::optional<int> from_roman(std::string_view text) {
    int number = 0;
    std::string_view rest = text;
    for (const auto& [value, letters] : k_parts) {
        const std::string_view part = letters;
        for (; rest.substr(0, part.size()) == part; rest.remove_prefix(part.size()))
            number += value;
    }
    if (!rest.empty() || to_roman(number) != text || text.empty()) return std::nullopt;
    return number;
}

}  // namespace roman
