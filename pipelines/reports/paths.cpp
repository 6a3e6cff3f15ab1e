#include "pipelines/reports/paths.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>

namespace sluice::reports {
namespace {

constexpr std::size_t k_max_path = 4096;

/// `%20` → space; a bad escape stays as it is.
std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            if (const auto byte = text::from_hex(text.substr(i + 1, 2))) {
                out += *byte;
                i += 2;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

}  // namespace

std::optional<std::string> PathMap::in_workspace(std::string_view path) const {
    if (path.empty() || path.size() > k_max_path || text::find_invalid_utf8(path) ||
        path.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::string clean(path);
    if (clean.starts_with("file://")) {
        clean = percent_decoded(std::string_view(clean).substr(7));
        if (text::find_invalid_utf8(clean) || clean.find('\0') != std::string::npos)
            return std::nullopt;
    }
    std::replace(clean.begin(), clean.end(), '\\', '/');
    if (clean.starts_with('/')) {
        const auto root = std::find_if(roots.begin(), roots.end(), [&](const std::string& folder) {
            return clean.size() > folder.size() + 1 && clean.starts_with(folder) &&
                   clean[folder.size()] == '/';
        });
        if (root == roots.end()) return std::nullopt;
        clean.erase(0, root->size() + 1);
    } else if (clean.size() > 2 && clean[1] == ':' && clean[2] == '/') {
        return std::nullopt;  // C:/…
    } else if (!base.empty()) {
        clean = base + "/" + clean;
    }
    std::vector<std::string> parts;
    for (std::string& part : text::split(clean, '/')) {
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            parts.push_back(std::move(part));
            continue;
        }
        if (parts.empty()) return std::nullopt;
        parts.pop_back();
    }
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : "/") + part;
    if (out.empty() || out.size() > k_max_path) return std::nullopt;
    return out;
}

}  // namespace sluice::reports
