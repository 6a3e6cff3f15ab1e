#include "cli/output_lines.hpp"

#include "cli/term/text.hpp"

#include <fmt/format.h>

namespace sluice::cli {

void print_outputs(const Terminal& out, const std::string& job, const json::Value& outputs) {
    const auto* object = outputs.if_object();
    if (object == nullptr) return;
    for (const auto& [name, value] : *object) {
        // Numbers as people write them: JSON of the library says 2.5E0.
        const std::string text = value.is_string()   ? std::string(value.get_string())
                                 : value.is_double() ? fmt::format("{}", value.get_double())
                                                     : std::string(json::serialize(value));
        out.line(out.paint(Colour::bold, printable(job)) + ": " + printable(name) + " = " +
                 cut_to_width(printable(text), 160));
    }
}

}  // namespace sluice::cli
