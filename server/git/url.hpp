#pragma once
/// Repository URLs: which may be used at all (G1, G2) and which addresses may be connected to (G3).
/// Any thread.

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace sluice::git {

struct Url {
    enum class Kind { local, http, https, ssh } kind = Kind::local;
    std::string host;  ///< lower case, without brackets; "" for local
    std::uint16_t port = 0;
    std::string path;  ///< local: the absolute path, dots resolved
    bool operator==(const Url&) const = default;
};

/// Reads https://, http://, ssh://, git@host:path, file:// and absolute paths. Refused with
/// `url_denied`: other schemes, control characters, passwords in the URL, names that begin with `-`
/// (they reach ssh as options), bad ports.
Result<Url> parse_url(std::string_view text);

/// True when `path` is one of the roots or below one, by name alone.
bool below_root(const files::Path& path, const std::vector<files::Path>& roots);

/// True when the list names the host, alone or with this port, or has `*`.
bool host_allowed(const Url& url, const std::vector<std::string>& allowed);

/// False for loopback, private, link-local, carrier-grade NAT, unspecified, multicast and reserved
/// addresses, also inside IPv6 (mapped, 6to4, NAT64).
bool public_address(const sockaddr& address);

/// Refuses (`url_denied`) a host that is written as a number (also 0x7f.1, 2130706433) and is no
/// public address.
Result<> check_literal(const Url& url, const std::vector<std::string>& allowed);

/// Resolves the host and refuses (`url_denied`) when one of its addresses is not public and the
/// host is not allowed; `fetch_failed` when it has none. Blocking: for the worker.
Result<> check_resolved(const Url& url, const std::vector<std::string>& allowed);

}  // namespace sluice::git
