#include "server/git/lfs.hpp"

#include "pipelines/base/text.hpp"
#include "server/git/url.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::git {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    return out;
}

}  // namespace

Result<std::string> lfs_url_in(std::string_view lfsconfig) {
    std::string out, section;
    int number = 0;
    for (std::size_t at = 0; at < lfsconfig.size();) {
        const std::size_t end = std::min(lfsconfig.find('\n', at), lfsconfig.size());
        std::string_view line = text::trim(lfsconfig.substr(at, end - at));
        at = end + 1;
        ++number;
        if (line.ends_with('\r')) line = text::trim(line.substr(0, line.size() - 1));
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            section = lower(line);
            continue;
        }
        const std::size_t equals = line.find('=');
        if (section != "[lfs]" || equals == std::string_view::npos ||
            lower(text::trim(line.substr(0, equals))) != "url")
            continue;
        std::string_view value = text::trim(line.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        if (value.empty() || value.find_first_of("\\\" \t#;") != std::string_view::npos)
            return error(Code::invalid, "lfs_denied",
                         fmt::format(".lfsconfig: line {}: lfs.url must be a URL without quotes, "
                                     "escapes or comments in it",
                                     number));
        out = value;
    }
    return out;
}

Result<LfsPlace> lfs_place(const std::string& repository, std::string_view lfsconfig) {
    SLUICE_TRY(const Url own, parse_url(repository));
    SLUICE_TRY(std::string wanted, lfs_url_in(lfsconfig));
    while (wanted.ends_with('/')) wanted.pop_back();
    const auto denied = [&](const std::string& why) {
        return error(
            Code::forbidden, "lfs_denied",
            fmt::format("lfs.url of .lfsconfig is {}: {}", text::sanitize_utf8(wanted, 256), why));
    };
    if (!wanted.empty()) {
        if (own.kind == Url::Kind::local)
            return denied(
                "the repository is on the server's machine, and so must be its LFS objects");
        const auto url = parse_url(wanted);
        if (!url) return denied(url.error().message);
        if (url->kind != Url::Kind::https && url->kind != Url::Kind::http)
            return denied("LFS objects are fetched by https only");
        if (url->host != own.host)
            return denied("only the repository's own host, " + own.host +
                          ", is asked for its LFS objects");
        if (own.kind == Url::Kind::https && url->kind != Url::Kind::https)
            return denied("the repository is read by https, and so must be its LFS objects");
        return LfsPlace{"", std::move(wanted)};
    }
    if (own.kind == Url::Kind::local) return LfsPlace{own.path, ""};
    if (own.kind == Url::Kind::ssh)
        return error(Code::unsupported, "lfs_unsupported",
                     fmt::format("LFS objects are fetched by https only, and this repository is "
                                 "read by ssh: give the project its https URL, or the repository "
                                 "a .lfsconfig with lfs.url = https://{}/…",
                                 own.host));
    std::string endpoint = repository;
    while (endpoint.ends_with('/')) endpoint.pop_back();
    if (!endpoint.ends_with(".git")) endpoint += ".git";
    return LfsPlace{"", endpoint + "/info/lfs"};
}

}  // namespace sluice::git
