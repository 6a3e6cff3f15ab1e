#include "server/git/url.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace sluice::git {
namespace {

Error denied(std::string message) {
    return error(Code::invalid, "url_denied", std::move(message), "url");
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool plain_host(std::string_view host) {
    if (host.empty() || host.size() > 253 || host.front() == '-' || host.front() == '.')
        return false;
    return std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    });
}

bool plain_user(std::string_view user) {
    if (user.empty() || user.front() == '-') return false;
    return std::all_of(user.begin(), user.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    });
}

Result<> read_host(Url& url, std::string_view authority) {
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        in6_addr ignored{};
        if (end == std::string_view::npos) return denied("the host's bracket is not closed");
        url.host = lower(authority.substr(1, end - 1));
        if (inet_pton(AF_INET6, url.host.c_str(), &ignored) != 1)
            return denied("the host is no IPv6 address");
        port = authority.substr(end + 1);
    } else {
        const std::size_t colon = std::min(authority.find(':'), authority.size());
        url.host = lower(authority.substr(0, colon));
        if (!plain_host(url.host))
            return denied("the host name has characters that are not allowed");
        port = authority.substr(colon);
    }
    if (port.empty()) return {};
    int number = 0;
    auto [end, failed] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    if (port[0] != ':' || failed != std::errc{} || end != port.data() + port.size() || number < 1 ||
        number > 65535)
        return denied("the port is not a number from 1 to 65535");
    url.port = static_cast<std::uint16_t>(number);
    return {};
}

Result<Url> local(std::string_view path) {
    Url url;
    url.kind = Url::Kind::local;
    if (!path.starts_with('/')) return denied("a local repository needs an absolute path");
    url.path = files::Path(path).lexically_normal().string();
    while (url.path.size() > 1 && url.path.back() == '/') url.path.pop_back();
    return url;
}

/// git@host:path
Result<Url> scp_form(std::string_view text) {
    const std::size_t at = text.find('@');
    const std::size_t colon = text.find(':', at);
    Url url;
    url.kind = Url::Kind::ssh;
    if (!plain_user(text.substr(0, at)))
        return denied("the user name has characters that are not allowed");
    SLUICE_CHECK(read_host(url, text.substr(at + 1, colon - at - 1)));
    url.port = 22;
    url.path = text.substr(colon + 1);
    if (url.path.empty() || url.path.front() == '-')
        return denied("the path is empty or begins with a dash");
    return url;
}

bool public_v4(std::uint32_t a) {
    auto in = [a](std::uint32_t net, int bits) {
        return (a >> (32 - bits)) == (net >> (32 - bits));
    };
    return !(in(0x00000000, 8) || in(0x0A000000, 8) || in(0x64400000, 10) || in(0x7F000000, 8) ||
             in(0xA9FE0000, 16) || in(0xAC100000, 12) || in(0xC0000000, 24) || in(0xC0A80000, 16) ||
             in(0xC6120000, 15) || in(0xE0000000, 3));
}

std::uint32_t v4_at(const unsigned char* bytes) {
    return (std::uint32_t(bytes[0]) << 24) | (std::uint32_t(bytes[1]) << 16) |
           (std::uint32_t(bytes[2]) << 8) | bytes[3];
}

bool public_v6(const unsigned char (&b)[16]) {
    static constexpr unsigned char zeros[12] = {};
    static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static constexpr unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (std::memcmp(b, zeros, 12) == 0) return false;  // ::, ::1 and the retired ::a.b.c.d
    if (std::memcmp(b, mapped, 12) == 0 || std::memcmp(b, nat64, 12) == 0)
        return public_v4(v4_at(b + 12));
    if (b[0] == 0x20 && b[1] == 0x02) return public_v4(v4_at(b + 2));  // 6to4
    if ((b[0] & 0xfe) == 0xfc || b[0] == 0xff) return false;           // unique local, multicast
    return !(b[0] == 0xfe && (b[1] & 0x80) == 0x80);                   // link-local, site-local
}

Error private_address(const Url& url) {
    return denied("host " + url.host +
                  " has a private or local address; the administrator can allow it by name "
                  "(--allow-git-host)");
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
    if (text.empty()) return denied("the repository URL is empty");
    if (text.size() > 2048) return denied("the repository URL is longer than 2048 bytes");
    for (char c : text)
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            return denied("the repository URL has a space or a control character");
    if (text.starts_with('/')) return local(text);
    if (text.starts_with("file://")) return local(text.substr(7));
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) {
        const std::size_t at = text.find('@');
        const std::size_t colon = text.find(':');
        if (at != std::string_view::npos && colon != std::string_view::npos && at < colon &&
            text.find("::") == std::string_view::npos)
            return scp_form(text);
        return denied(
            "use https://, ssh://, git@host:path or the absolute path of a repository on the "
            "server");
    }
    const std::string scheme = lower(text.substr(0, scheme_end));
    Url url;
    if (scheme == "https")
        url.kind = Url::Kind::https, url.port = 443;
    else if (scheme == "http")
        url.kind = Url::Kind::http, url.port = 80;
    else if (scheme == "ssh")
        url.kind = Url::Kind::ssh, url.port = 22;
    else
        return denied("scheme " + scheme +
                      " is not allowed; use https://, ssh:// or git@host:path");

    std::string_view rest = text.substr(scheme_end + 3);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view authority = rest.substr(0, slash);
    url.path = rest.substr(slash);
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
        const std::string_view user = authority.substr(0, at);
        if (url.kind != Url::Kind::ssh || !plain_user(user))
            return denied("credentials do not belong into the URL, where logs and people see them");
        authority.remove_prefix(at + 1);
    }
    SLUICE_CHECK(read_host(url, authority));
    if (url.path.size() < 2) return denied("the URL names no repository");
    return url;
}

bool below_root(const files::Path& path, const std::vector<files::Path>& roots) {
    const std::string inner = path.lexically_normal().string();
    return std::any_of(roots.begin(), roots.end(), [&](const files::Path& root) {
        std::string outer = root.lexically_normal().string();
        while (outer.size() > 1 && outer.back() == '/') outer.pop_back();
        if (outer.empty() || outer.front() != '/') return false;
        if (inner == outer || outer == "/") return true;
        return inner.size() > outer.size() && inner.starts_with(outer) &&
               inner[outer.size()] == '/';
    });
}

bool host_allowed(const Url& url, const std::vector<std::string>& allowed) {
    const std::string with_port = url.host + ":" + std::to_string(url.port);
    return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
        const std::string name = lower(entry);
        return name == "*" || name == url.host || name == with_port;
    });
}

bool public_address(const sockaddr& address) {
    if (address.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        return public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address.sa_family != AF_INET6) return false;
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    return public_v6(v6.sin6_addr.s6_addr);
}

Result<> check_literal(const Url& url, const std::vector<std::string>& allowed) {
    if (url.kind == Url::Kind::local || host_allowed(url, allowed)) return {};
    in_addr v4{};
    in6_addr v6{};
    // inet_aton reads every form that resolvers read: 127.1, 0x7f.1, 017700000001.
    if (inet_aton(url.host.c_str(), &v4) != 0 && !public_v4(ntohl(v4.s_addr)))
        return private_address(url);
    if (inet_pton(AF_INET6, url.host.c_str(), &v6) == 1 && !public_v6(v6.s6_addr))
        return private_address(url);
    if (url.host == "localhost" || url.host.ends_with(".localhost")) return private_address(url);
    return {};
}

Result<> check_resolved(const Url& url, const std::vector<std::string>& allowed) {
    if (url.kind == Url::Kind::local || host_allowed(url, allowed)) return {};
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failed = getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
    if (failed != 0)
        return error(Code::unavailable, "fetch_failed",
                     "host " + url.host + " has no address: " + gai_strerror(failed), "url");
    std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, &freeaddrinfo);
    for (const addrinfo* entry = found; entry; entry = entry->ai_next)
        if (!public_address(*entry->ai_addr)) return private_address(url);
    return {};
}

}  // namespace sluice::git
