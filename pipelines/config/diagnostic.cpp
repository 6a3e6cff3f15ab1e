#include "pipelines/config/diagnostic.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::config {

std::string format(const Diagnostic& diagnostic) {
    std::string out = diagnostic.file;
    if (diagnostic.line > 0) out += fmt::format(":{}:{}", diagnostic.line, diagnostic.column);
    out += fmt::format(": {}: {}", to_text(diagnostic.severity), diagnostic.message);
    if (!diagnostic.hint.empty()) out += fmt::format(" hint: {}", diagnostic.hint);
    return out;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Severity::error; });
}

json::Value to_json(const Diagnostic& diagnostic) {
    namespace wire = model::wire;
    return json::Object{{"severity", wire::text_of(diagnostic.severity)},
                        {"id", wire::text(diagnostic.id)},
                        {"file", wire::text(diagnostic.file)},
                        {"line", diagnostic.line},
                        {"column", diagnostic.column},
                        {"message", wire::text(diagnostic.message)},
                        {"hint", wire::text(diagnostic.hint)},
                        {"topic", wire::text(diagnostic.topic)},
                        {"text", wire::text(format(diagnostic))}};
}

}  // namespace sluice::config
