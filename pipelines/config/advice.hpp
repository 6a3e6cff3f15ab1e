#pragma once
/// What to write instead of a value that is wrong in a way many people are wrong. Pure, any thread.

#include <string>
#include <string_view>

namespace sluice::config {

/// `60` → which unit, `1 hour` → `1h`, `1.5h` → `1h30m`; never empty.
std::string advise_duration(std::string_view text);
/// `8GB` → `8G` or `8Gi`, `8` → a unit; never empty.
std::string advise_size(std::string_view text);
/// The word of this language for one of another: `int` → `number`; "" when there is none.
std::string advise_choice(std::string_view text, std::string_view choices);
/// What stands for an action of GitHub.
std::string advise_action(std::string_view uses);

}  // namespace sluice::config
