#pragma once
/// Explains a fault that the YAML parser found in the words of somebody who did not mean to write
/// that. Pure.

#include <string>
#include <string_view>

namespace sluice::config {

struct YamlFault {
    std::string id = "yaml_syntax";
    std::string message;
    std::string hint;
};

/// `reason` is the parser's own text, `line` the source line of the fault and `column` its 0-based
/// byte in it.
YamlFault explain_yaml_fault(std::string_view reason, std::string_view line, std::size_t column);

}  // namespace sluice::config
