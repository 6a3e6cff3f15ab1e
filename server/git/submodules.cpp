#include "server/git/submodules.hpp"

#include "pipelines/base/text.hpp"
#include "server/git/read.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::git {
namespace {

constexpr std::size_t k_most_submodules = 64;
constexpr std::size_t k_longest_path = 1024;

Error bad(const std::string& what) {
    return error(Code::invalid, "bad_submodule", ".gitmodules: " + text::sanitize_utf8(what, 512));
}

bool has_control(std::string_view value) {
    return std::any_of(value.begin(), value.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// Relative, and no part that git or a shell would read as something else.
bool is_plain_path(std::string_view path) {
    if (path.empty() || path.size() > k_longest_path || has_control(path)) return false;
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        std::string part(path.substr(at, end - at));
        std::transform(part.begin(), part.end(), part.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
        if (part.empty() || part == "." || part == ".." || part.front() == '-' || part == ".git" ||
            part == ".gitmodules" || part.starts_with(".git ") || part.starts_with(".git:") ||
            part.starts_with("git~"))
            return false;
        at = end + 1;
    }
    return true;
}

/// The folder that holds the repository, with a slash at its end.
std::string folder_of(const Url& url) {
    std::string path = url.path;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path.substr(0, path.rfind('/') + 1);
}

/// `../lib.git` against `https://host/group/app.git`.
Result<std::string> resolved(std::string base, std::string_view relative) {
    const auto shorten = [&base] {
        while (base.ends_with('/')) base.pop_back();
        const std::size_t end = base.find_last_of("/:");
        // What is left must still have a host, or be a path.
        if (end == std::string::npos || base.ends_with(":/") ||
            (end > 0 && base[end] == '/' && base[end - 1] == '/'))
            return false;
        base.resize(base[end] == ':' ? end + 1 : end);
        return true;
    };
    while (relative.starts_with("./") || relative.starts_with("../")) {
        if (relative.starts_with("./")) {
            relative.remove_prefix(2);
            continue;
        }
        relative.remove_prefix(3);
        if (!shorten()) return bad("a url leads out of its host");
    }
    if (relative.empty()) return bad("a url names no repository");
    while (base.ends_with('/')) base.pop_back();
    return base + (base.ends_with(':') ? "" : "/") + std::string(relative);
}

}  // namespace

Result<std::vector<SubmoduleEntry>> parse_gitmodules(std::string_view text) {
    std::vector<SubmoduleEntry> out;
    int number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        const std::string where = fmt::format("line {}", number);
        if (line.ends_with('\r')) line.remove_suffix(1);
        line = text::trim(line);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (has_control(line) || line.find('\\') != std::string_view::npos)
            return bad(where + " has a control character or an escape");
        if (line.front() == '[') {
            if (!line.starts_with("[submodule \"") || !line.ends_with("\"]"))
                return bad(where + " is no [submodule \"name\"]");
            if (out.size() == k_most_submodules)
                return bad(fmt::format("more than {} submodules", k_most_submodules));
            out.emplace_back();
            continue;
        }
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || out.empty())
            return bad(where + " is no `key = value` of a submodule");
        const std::string_view key = text::trim(line.substr(0, equals));
        std::string_view value = text::trim(line.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        if (key == "path") out.back().path = value;
        if (key == "url") out.back().url = value;
    }
    for (const SubmoduleEntry& entry : out) {
        if (!is_plain_path(entry.path))
            return bad("the path \"" + entry.path + "\" is not allowed");
        if (entry.url.empty() || entry.url.front() == '-')
            return bad("the url of \"" + entry.path + "\" is missing or begins with a dash");
        if (std::count_if(out.begin(), out.end(), [&](const SubmoduleEntry& other) {
                return other.path == entry.path;
            }) > 1)
            return bad("\"" + entry.path + "\" is there twice");
    }
    return out;
}

Result<std::vector<SubmoduleEntry>> read_submodules(git_repository* repository,
                                                    git_commit* commit) {
    SLUICE_TRY(auto file, read_fragment(repository, commit, ".gitmodules"));
    if (!file) return std::vector<SubmoduleEntry>{};
    if (!file->problem.empty()) return bad(file->problem);
    SLUICE_TRY(auto entries, parse_gitmodules(file->text));
    git_tree* found = nullptr;
    if (git_commit_tree(&found, commit) != 0)
        return git_error(Code::gone, "commit_gone", "the commit's tree is missing");
    Tree tree(found);
    std::vector<SubmoduleEntry> out;
    for (SubmoduleEntry& entry : entries) {
        git_tree_entry* at = nullptr;
        if (git_tree_entry_bypath(&at, found, entry.path.c_str()) != 0) continue;
        Owned<git_tree_entry, git_tree_entry_free> owned(at);
        if (git_tree_entry_filemode(at) != GIT_FILEMODE_COMMIT) continue;
        entry.commit = to_hex(git_tree_entry_id(at));
        out.push_back(std::move(entry));
    }
    return out;
}

Result<std::string> submodule_url(const std::string& project, const std::string& parent,
                                  const SubmoduleEntry& entry) {
    std::string full = entry.url;
    if (full.starts_with("./") || full.starts_with("../")) {
        SLUICE_TRY(full, resolved(parent, full));
    }
    SLUICE_TRY(const Url url, parse_url(full));
    if (url.kind == Url::Kind::https || url.kind == Url::Kind::http) return full;
    SLUICE_TRY(const Url own, parse_url(project));
    const std::string folder = folder_of(own);
    const bool beside = url.kind == own.kind && url.host == own.host && url.port == own.port &&
                        url.path.starts_with(folder) && url.path.size() > folder.size() &&
                        url.path.find("..") == std::string::npos &&
                        (own.kind == Url::Kind::local || !folder.empty());
    if (!beside)
        return error(
            Code::invalid, "url_denied",
            "submodule \"" + entry.path +
                "\": by ssh, or on this machine, only repositories beside the project's own "
                "are fetched; others by https://",
            "url");
    return full;
}

}  // namespace sluice::git
