#pragma once
/// The little of git's own configuration files that the installer needs. Pure. Any thread.

#include <optional>
#include <string>
#include <string_view>

namespace sluice::hooks {

/// The last value of `section.key` (both lower case, sections without a subsection) in a file's
/// text; "true" for a key without a value. Includes are not followed.
std::optional<std::string> git_config_value(std::string_view text, std::string_view section,
                                            std::string_view key);

}  // namespace sluice::hooks
