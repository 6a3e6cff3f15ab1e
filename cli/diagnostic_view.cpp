#include "cli/diagnostic_view.hpp"

#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <set>

namespace sluice::cli {
namespace {

std::string_view line_of(std::string_view text, int line) {
    for (int skipped = 1; skipped < line; ++skipped) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + 1);
    }
    text = text.substr(0, text.find('\n'));
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

/// Bytes of the first `points` code points.
std::size_t bytes_of(std::string_view text, int points) {
    std::size_t bytes = 0;
    for (int point = 0; point < points && bytes < text.size(); ++point) {
        ++bytes;
        while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80)
            ++bytes;
    }
    return bytes;
}

/// The end of the text that fits into so many columns, after `…` when something was left out.
std::string last_columns(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    // No character takes more than four bytes: what stands before cannot be in view.
    std::size_t from = text.size() - std::min(text.size(), width * 4);
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
    while (from < text.size() && display_width(text.substr(from)) + 1 > width)
        from += bytes_of(text.substr(from), 1);
    return "…" + std::string(text.substr(from));
}

}  // namespace

std::string source_line(std::string_view text, int line, int column, std::size_t width) {
    if (line < 1) return {};
    const std::string_view raw = line_of(text, line);
    // A hostile file may be one line of 256 KiB; nobody sees more than a little of it.
    const std::size_t at = bytes_of(raw, column < 1 ? 0 : column - 1);
    const std::size_t from = at > 4096 ? at - 4096 : 0;
    const std::string before = printable(raw.substr(from, at - from));
    const std::string after = printable(raw.substr(at, 4096));
    if (text::trim(before).empty() && text::trim(after).empty()) return {};
    const std::string left = last_columns(before, width * 2 / 3);
    const std::string number = std::to_string(line);
    std::string out = fmt::format("  {} | {}{}\n", number, left,
                                  cut_to_width(after, width - display_width(left)));
    if (column < 1) return out;
    return out + fmt::format("  {} | {}^\n", std::string(number.size(), ' '),
                             std::string(display_width(left), ' '));
}

namespace {

void print_one(const Terminal& out, const ConfigSet& set, const config::Diagnostic& diagnostic) {
    config::Diagnostic shown = diagnostic;
    shown.file = set.shown_as(diagnostic.file);
    const std::string severity(to_text(diagnostic.severity));
    out.line(out.paint(Terminal::colour_of_state(severity), printable(config::format(shown))));
    const std::size_t width = out.is_terminal() ? static_cast<std::size_t>(out.width()) : 100;
    out.write(source_line(set.text_of(diagnostic.file), diagnostic.line, diagnostic.column,
                          std::max<std::size_t>(width, 40) - 10));
}

}  // namespace

void print_diagnostics(const Terminal& out, const ConfigSet& set,
                       const std::vector<config::Diagnostic>& diagnostics) {
    std::set<std::string> topics;
    for (const config::Diagnostic& diagnostic : diagnostics) {
        print_one(out, set, diagnostic);
        if (!diagnostic.topic.empty() && topics.insert(diagnostic.topic).second)
            out.line(out.paint(Colour::dim, "  see: sluice schema " + diagnostic.topic));
    }
}

json::Value to_sarif(const std::vector<config::Diagnostic>& diagnostics) {
    json::Array results, rules;
    std::set<std::string> ids;
    for (const config::Diagnostic& diagnostic : diagnostics) {
        json::Object physical{{"artifactLocation", json::Object{{"uri", diagnostic.file}}}};
        if (diagnostic.line > 0)
            physical["region"] =
                json::Object{{"startLine", diagnostic.line}, {"startColumn", diagnostic.column}};
        const std::string text =
            diagnostic.message + (diagnostic.hint.empty() ? "" : "\nhint: " + diagnostic.hint);
        results.push_back(json::Object{
            {"ruleId", diagnostic.id},
            {"level", to_text(diagnostic.severity)},
            {"message", json::Object{{"text", text}}},
            {"locations", json::Array{json::Object{{"physicalLocation", std::move(physical)}}}}});
        if (ids.insert(diagnostic.id).second) rules.push_back(json::Object{{"id", diagnostic.id}});
    }
    json::Object driver{
        {"name", "sluice validate"}, {"version", SLUICE_VERSION}, {"rules", std::move(rules)}};
    json::Object run{{"tool", json::Object{{"driver", std::move(driver)}}},
                     {"columnKind", "unicodeCodePoints"},
                     {"results", std::move(results)}};
    return json::Object{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                        {"version", "2.1.0"},
                        {"runs", json::Array{std::move(run)}}};
}

}  // namespace sluice::cli
