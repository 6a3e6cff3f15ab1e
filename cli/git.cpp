#include "cli/git.hpp"

#include "pipelines/base/text.hpp"
#include "platform/spawn.hpp"

#include <algorithm>
#include <chrono>

namespace sluice::cli::git {
namespace {

constexpr Duration k_patience{5000};

std::optional<std::string> output_of(const std::vector<std::string>& argv) {
    spawn::RunOptions options;
    options.timeout = k_patience;
    options.env = spawn::current_environment();
    (*options.env)["GIT_TERMINAL_PROMPT"] = "0";
    auto done = spawn::run(argv, options);
    if (!done || !done->exit.ok()) return std::nullopt;
    return std::string(text::trim(done->output));
}

/// `host/path` in one spelling, or the bare path of a local repository.
std::string canonical(std::string_view url) {
    std::string text(url);
    bool local = false;
    if (text.starts_with("file://")) {
        text = text.substr(7);
        local = true;
    } else if (auto scheme = text.find("://"); scheme != std::string::npos) {
        text = text.substr(scheme + 3);
    } else if (text.starts_with("/")) {
        local = true;
    } else if (auto colon = text.find(':'); colon != std::string::npos && text.find('/') > colon) {
        text[colon] = '/';
    }
    if (!local) {
        auto slash = text.find('/');
        if (auto at = text.substr(0, slash).rfind('@'); at != std::string::npos)
            text = text.substr(at + 1);
        slash = std::min(text.find('/'), text.size());
        std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(slash),
                       text.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    }
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    if (text.ends_with(".git") && !text.ends_with("/.git")) text.resize(text.size() - 4);
    return text;
}

}  // namespace

std::vector<std::string> remote_urls() {
    std::vector<std::string> urls;
    auto add = [&](const std::optional<std::string>& url) {
        if (url && !url->empty() && std::find(urls.begin(), urls.end(), *url) == urls.end())
            urls.push_back(*url);
    };
    add(output_of({"git", "remote", "get-url", "origin"}));
    auto names = output_of({"git", "remote"});
    if (!names) return urls;
    for (const auto& name : text::split(*names, '\n'))
        if (!name.empty()) add(output_of({"git", "remote", "get-url", "--", name}));
    return urls;
}

std::optional<std::string> commit_of(std::string_view revision) {
    if (revision.empty()) return std::nullopt;
    auto id = output_of({"git", "rev-parse", "--verify", "--quiet", "--end-of-options",
                         std::string(revision) + "^{commit}"});
    // Some versions of git print the option itself first.
    if (id && id->rfind('\n') != std::string::npos) id = id->substr(id->rfind('\n') + 1);
    return id && text::is_commit_id(*id) ? id : std::nullopt;
}

std::optional<std::string> top_level() {
    return output_of({"git", "rev-parse", "--show-toplevel"});
}

bool same_repository(std::string_view a, std::string_view b) {
    return canonical(a) == canonical(b);
}

}  // namespace sluice::cli::git
