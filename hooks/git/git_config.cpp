#include "hooks/git/git_config.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>

namespace sluice::hooks {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// Without its comment and quotes.
std::string value_of(std::string_view text) {
    std::string out;
    bool quoted = false;
    for (char c : text) {
        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (!quoted && (c == '#' || c == ';')) break;
        out += c;
    }
    return std::string(text::trim(out));
}

}  // namespace

std::optional<std::string> git_config_value(std::string_view text, std::string_view section,
                                            std::string_view key) {
    std::optional<std::string> found;
    bool inside = false;
    for (const std::string& raw : text::split(text, '\n')) {
        std::string_view line = text::trim(raw);
        if (line.starts_with('[')) {
            const std::size_t end = std::min(line.find(']'), line.size());
            inside = lower(line.substr(1, end - 1)) == section;
            line = text::trim(line.substr(std::min(end + 1, line.size())));
        }
        if (!inside || line.empty()) continue;
        const std::size_t equals = std::min(line.find('='), line.size());
        if (lower(text::trim(line.substr(0, equals))) != key) continue;
        found = equals == line.size() ? "true" : value_of(line.substr(equals + 1));
    }
    return found;
}

}  // namespace sluice::hooks
