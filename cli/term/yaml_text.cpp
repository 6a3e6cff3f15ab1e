#include "cli/term/yaml_text.hpp"

#include "cli/term/text.hpp"
#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::cli {
namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == '=' || c == ' ' || c == '(' || c == ')' ||
           c == ',' || c == '*' || c == '$' || c == '@' || c == '+';
}

/// Whether YAML, old or new, reads the text as this text.
bool is_plain(std::string_view text) {
    if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
    const char first = text.front();
    const bool starts_well = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
                             first == '_' || first == '/' || first == '$';
    if (!starts_well || !std::all_of(text.begin(), text.end(), is_word)) return false;
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    for (const std::string_view other :
         {"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
        if (lower == other) return false;
    return true;
}

/// In double quotes; what is not printable ASCII as an escape when `text` is not safe to show.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    const bool is_safe = printable(text) == text;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '"' || c == '\\') {
            out += std::string("\\") + text[i];
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (c < 0x20 || c == 0x7f) {
            out += fmt::format("\\x{:02x}", c);
        } else if (c < 0x80 || is_safe) {
            out += text[i];
        } else {
            const int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
            std::uint32_t point = c & (0x3Fu >> more);
            for (int k = 0; k < more && i + 1 < text.size(); ++k)
                point = (point << 6) | (static_cast<unsigned char>(text[++i]) & 0x3Fu);
            out += fmt::format("\\U{:08x}", point);
        }
    }
    return out + "\"";
}

/// Whether the text can stand below `|` as it is.
bool is_script(std::string_view text) {
    if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n')
        return false;
    for (const std::string& line : text::split(text, '\n'))
        if (printable(line) != line || (!line.empty() && (line.back() == ' '))) return false;
    return true;
}

std::string block(std::string_view text, std::size_t indent) {
    std::string out = text.ends_with("\n") ? "|" : "|-";
    if (text.ends_with("\n\n")) return quoted(text);
    for (const std::string& line : text::split(text::trim(text), '\n'))
        out += "\n" + (line.empty() ? "" : std::string(indent, ' ') + line);
    return out;
}

std::string scalar(const json::Value& value, std::size_t indent) {
    if (!value.is_string()) return json::serialize(value);
    const auto& text = value.as_string();
    if (is_plain(text)) return std::string(text);
    return is_script(text) ? block(text, indent) : quoted(text);
}

void print(std::string& out, const json::Value& value, std::size_t indent) {
    const std::string margin(indent, ' ');
    const auto below = [&](const json::Value& inner) {
        const bool is_empty = (inner.is_object() && inner.as_object().empty()) ||
                              (inner.is_array() && inner.as_array().empty());
        return (inner.is_object() || inner.is_array()) && !is_empty;
    };
    if (const auto* object = value.if_object()) {
        for (const auto& member : *object) {
            const std::string_view name = member.key();
            out += fmt::format("{}{}:", margin, is_plain(name) ? std::string(name) : quoted(name));
            if (below(member.value())) {
                out += "\n";
                print(out, member.value(), indent + 2);
            } else {
                out += " " + scalar(member.value(), indent + 2) + "\n";
            }
        }
        return;
    }
    for (const json::Value& item : value.as_array()) {
        if (!below(item)) {
            out += fmt::format("{}- {}\n", margin, scalar(item, indent + 2));
            continue;
        }
        std::string inner;
        print(inner, item, indent + 2);
        inner[indent] = '-';
        out += inner;
    }
}

}  // namespace

std::string to_yaml(const json::Value& value) {
    std::string out;
    if (value.is_object() || value.is_array())
        print(out, value, 0);
    else
        out = scalar(value, 2) + "\n";
    return out.empty() ? "{}\n" : out;
}

}  // namespace sluice::cli
