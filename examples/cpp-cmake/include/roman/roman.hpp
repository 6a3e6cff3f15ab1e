#pragma once
/// Roman numerals from 1 to 3999. Pure, any thread.

#include <optional>
#include <string>
#include <string_view>

namespace roman {

/// Empty for numbers that have no numeral.
std::string to_roman(int number);
/// Nothing for what is not the usual form (`IIII`, `VX`).
std::optional<int> from_roman(std::string_view text);

}  // namespace roman
