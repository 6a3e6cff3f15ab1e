#pragma once
/// A user's mistake in `.ci.yml`, with its place and the way out. Pure values.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"

#include <string>
#include <vector>

namespace sluice::config {

enum class Severity { error, warning };

struct Diagnostic {
    Severity severity = Severity::error;
    std::string id;       ///< stable: `unknown_key`, `need_cycle` …
    std::string file;     ///< `.ci.yml`
    int line = 0;         ///< 1-based; 0 = the file as a whole
    int column = 0;       ///< 1-based, in code points
    std::string message;  ///< what is wrong
    std::string hint;     ///< what to do; may be empty
    /// Where the reference says more: `job.timeout`, `expressions`; what `sluice schema` takes.
    std::string topic;
    bool operator==(const Diagnostic&) const = default;
};

/// `file:line:col: error: message hint: hint` on one line.
std::string format(const Diagnostic& diagnostic);
bool has_errors(const std::vector<Diagnostic>& diagnostics);
json::Value to_json(const Diagnostic& diagnostic);

}  // namespace sluice::config

namespace sluice {
SLUICE_ENUM_NAMES(config::Severity, "error", "warning");
}  // namespace sluice
