#include "pipelines/config/yaml_fault.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/node.hpp"

#include <fmt/format.h>

#include <optional>

namespace sluice::config {
namespace {

constexpr auto npos = std::string_view::npos;

/// What stands right of the first `: ` (or `- `), without a comment being looked for.
std::string_view value_of(std::string_view line) {
    const std::size_t colon = line.find(": ");
    if (colon != npos) return text::trim(line.substr(colon + 2));
    const std::string_view rest = text::trim(line);
    if (rest.starts_with("- ")) return text::trim(rest.substr(2));
    return rest;
}

std::string_view key_of(std::string_view line) {
    std::string_view key = text::trim(line.substr(0, line.find(':')));
    if (key.starts_with("- ")) key = text::trim(key.substr(2));
    return key;
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != npos;
}

std::optional<YamlFault> tab_indent(std::string_view line) {
    const std::size_t content = line.find_first_not_of(" \t");
    if (!contains(line.substr(0, content), "\t")) return std::nullopt;
    return YamlFault{"yaml_syntax", "a tab indents this line",
                     "indent with spaces, YAML knows no tabs"};
}

std::optional<YamlFault> expression_in_flow(std::string_view line) {
    const std::size_t expression = line.find("${{");
    if (expression == npos) return std::nullopt;
    const std::size_t flow = line.find_first_of("{[");
    if (flow == npos || flow >= expression) return std::nullopt;
    // The value around it, as it should have been written.
    std::size_t begin = line.find_last_of(" ,[{", expression == 0 ? 0 : expression - 1);
    begin = begin == npos ? expression : begin + 1;
    std::size_t end = line.find("}}", expression);
    end = end == npos ? line.size() : line.find_first_of(" ,]}", end + 2);
    const std::string_view value = line.substr(begin, end == npos ? npos : end - begin);
    return YamlFault{"yaml_syntax", "`${{` stands unquoted inside `{ }` or `[ ]`",
                     fmt::format("quote the value: `\"{}\"`", shown(value))};
}

/// `run: > out.txt`, which begins a block of text.
std::optional<YamlFault> block_with_text(std::string_view reason, std::string_view line) {
    if (!contains(reason, "block scalar")) return std::nullopt;
    const std::string_view value = value_of(line);
    return YamlFault{"yaml_syntax",
                     fmt::format("`{}` at the start of a value begins a block of text below it",
                                 shown(value.substr(0, 1))),
                     fmt::format("quote the value: `{}: '{}'`, or put it on the lines below",
                                 shown(key_of(line)), shown(value))};
}

std::optional<YamlFault> text_after_quote(std::string_view line) {
    const std::string_view value = value_of(line);
    if (value.empty() || (value[0] != '\'' && value[0] != '"')) return std::nullopt;
    const std::size_t close = value.find(value[0], 1);
    if (close == npos || close + 1 >= value.size()) return std::nullopt;
    const std::string_view rest = text::trim(value.substr(close + 1));
    if (rest.empty() || rest[0] == '#') return std::nullopt;
    const char outer = value[0] == '\'' ? '"' : '\'';
    return YamlFault{
        "yaml_syntax",
        fmt::format("a value that starts with a quote ends at the next one, but `{}` follows",
                    shown(rest)),
        fmt::format("quote the whole value: `{}: {}{}{}`", shown(key_of(line)), outer, shown(value),
                    outer)};
}

YamlFault alias(std::string_view line, std::size_t column) {
    std::string_view word = column < line.size() ? line.substr(column) : std::string_view{};
    const std::size_t star = line.find('*', column == 0 ? 0 : column - 1);
    if (star != npos) word = line.substr(star);
    const std::string name(word.substr(0, word.find_first_of(" ,]}", 1)));
    const std::string_view value = value_of(line);
    if (value == "*" || (value.starts_with('*') && value.find_first_of(" /") != npos))
        return {"unknown_anchor", "an unquoted `*` at the start of a value is a YAML alias",
                fmt::format("quote it: `{}: \"{}\"`", shown(key_of(line)), shown(value))};
    return {"unknown_anchor", fmt::format("alias `{}` names no anchor above it", shown(name)),
            "define it with `&` first, or quote the value if a `*` is meant"};
}

}  // namespace

YamlFault explain_yaml_fault(std::string_view reason, std::string_view line, std::size_t column) {
    if (auto fault = tab_indent(line)) return *fault;
    if (contains(reason, "anchor is not defined") || contains(reason, "alias not found") ||
        contains(reason, "in alias"))
        return alias(line, column);
    if (contains(reason, "escape"))
        return {"yaml_syntax", fmt::format("{} in a double-quoted string", shown(reason)),
                "write `\\\\` for a backslash, or use single quotes, which know no escapes"};
    if (contains(reason, "EOF in scalar"))
        return {"yaml_syntax", "a quote is opened here and never closed", "add the closing quote"};
    if (auto fault = expression_in_flow(line)) return *fault;
    if (auto fault = block_with_text(reason, line)) return *fault;
    if (auto fault = text_after_quote(line)) return *fault;
    if (contains(reason, "illegal map value")) {
        const std::string_view value = value_of(line);
        if (contains(value, ": ") || value.ends_with(':'))
            return {"yaml_syntax", "an unquoted value cannot hold `: `",
                    fmt::format("quote it, e.g. `{}: '{}'`, or write `{}: |` and the text below",
                                shown(key_of(line)), shown(value), shown(key_of(line)))};
        return {"yaml_syntax", "a key is not expected here",
                "check the indentation: keys of one map start in one column"};
    }
    if (contains(reason, "unknown token")) {
        const std::string_view value = value_of(line);
        return {"yaml_syntax",
                fmt::format("an unquoted value cannot start with `{}`", shown(value.substr(0, 1))),
                "quote the value"};
    }
    if (contains(reason, "flow not found") || contains(reason, "flow end"))
        return {"yaml_syntax", "`{ }` or `[ ]` do not pair up",
                "close what is open, or quote the value"};
    if (contains(reason, "map not found") || contains(reason, "sequence not found") ||
        contains(reason, "block entry"))
        return {"yaml_syntax", "this line does not fit the lines above it",
                "check the indentation: keys of one map and items of one list start in one column"};
    return {"yaml_syntax", shown(reason),
            "check quotes, brackets and indentation around this place"};
}

}  // namespace sluice::config
