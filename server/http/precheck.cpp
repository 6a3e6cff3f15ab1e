#include "server/http/precheck.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>
#include <utility>

namespace sluice::http {
namespace {

constexpr std::size_t k_max_method = 32;
constexpr std::size_t k_version_size = 8;  // "HTTP/1.1"
constexpr std::size_t k_max_request_line = k_max_method + 1 + k_max_target + 1 + k_version_size + 2;

Refusal framing(std::string_view message) {
    return {400, "bad_framing", message};
}
Refusal bad_target(std::string_view message) {
    return {400, "bad_target", message};
}

constexpr bool is_tchar(unsigned char c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr auto k_tchar = [] {
    std::array<bool, 256> table{};
    for (unsigned c = 0; c < 128; ++c) table[c] = c != 0 && is_tchar(static_cast<unsigned char>(c));
    return table;
}();

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return k_tchar[static_cast<unsigned char>(c)];
    });
}

/// Visible bytes, spaces, tabs and bytes over 127; no other control character.
bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    });
}

std::string_view trim_ows(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<Refusal> check_method(std::string_view method) {
    if (!is_token(method) || method.size() > k_max_method)
        return framing("the request line does not start with a method");
    // R1: a lower-case method is a sign that two parsers may disagree, never a client that we know.
    if (std::any_of(method.begin(), method.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
        return framing("methods are written in capitals");
    for (std::string_view known : {"GET", "POST", "PATCH", "PUT", "HEAD", "DELETE"})
        if (method == known) return std::nullopt;
    for (std::string_view known : {"OPTIONS", "TRACE", "CONNECT"})
        if (method == known)
            return Refusal{405, "method_not_allowed", "this server never answers that method"};
    return Refusal{501, "method_unknown", "this server does not know that method"};
}

std::optional<Refusal> parse_request_line(std::string_view line, Head& head) {
    auto first = line.find(' ');
    auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return framing("the request line is not `METHOD target HTTP/1.1`");
    head.method = line.substr(0, first);
    head.target = line.substr(first + 1, last - first - 1);
    auto version = line.substr(last + 1);
    if (auto refusal = check_method(head.method)) return refusal;
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        if (version.size() == k_version_size && version.starts_with("HTTP/"))
            return Refusal{505, "version_not_supported", "this server speaks HTTP/1.1"};
        return framing("the request line does not end with HTTP/1.1");
    }
    head.http10 = version == "HTTP/1.0";
    head.keep_alive = !head.http10;
    if (head.target.size() > k_max_target)
        return Refusal{414, "target_too_long", "the target is 16 KiB or longer"};
    if (head.target.empty() || head.target.front() != '/')
        return bad_target("the target must be a path that starts with / (origin-form)");
    for (char c : head.target) {
        auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7f)
            return bad_target("the target holds a space, control or 8-bit character");
    }
    return std::nullopt;
}

std::optional<Refusal> parse_length(std::string_view value, std::uint64_t& length) {
    // At most 18 digits: fits an int64, no overflow to check. A leading zero is octal to some.
    bool digits =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (value.empty() || !digits || (value.size() > 1 && value[0] == '0'))
        return framing("Content-Length is not a plain decimal number");
    if (value.size() > 18) return Refusal{413, "too_large", "Content-Length is beyond everything"};
    length = 0;
    for (char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
    return std::nullopt;
}

/// `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`; fills the part without port.
bool parse_host(std::string_view value, std::string_view& host) {
    std::size_t end = 0;
    if (value.starts_with('[')) {
        end = value.find(']');
        if (end == std::string_view::npos || end < 3) return false;
        auto inside = value.substr(1, end - 1);
        if (inside.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
            return false;
        ++end;
    } else {
        while (end < value.size() && value[end] != ':') {
            char c = lower(value[end]);
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_'))
                return false;
            ++end;
        }
    }
    host = value.substr(0, end);
    if (host.empty()) return false;
    auto port = value.substr(end);
    if (port.empty()) return true;
    return port.size() >= 2 && port.size() <= 6 && port[0] == ':' &&
           port.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

void parse_connection(std::string_view value, Head& head) {
    while (!value.empty()) {
        auto comma = value.find(',');
        auto token = trim_ows(value.substr(0, comma));
        if (iequals(token, "close")) head.keep_alive = false;
        value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    }
}

/// What must come at most once because the framing or the principal hangs on it.
struct Seen {
    bool host = false, length = false, encoding = false, authorization = false, expect = false;
};

std::optional<Refusal> take_field(const Field& field, Head& head, Seen& seen) {
    auto once = [](bool& flag) { return !std::exchange(flag, true); };
    switch (field.name.size()) {
        case 4:
            if (!iequals(field.name, "host")) return std::nullopt;
            if (!once(seen.host)) return framing("more than one Host header");
            if (!parse_host(field.value, head.host)) return framing("the Host header is malformed");
            return std::nullopt;
        case 6:
            if (!iequals(field.name, "expect")) return std::nullopt;
            if (!once(seen.expect) || !iequals(field.value, "100-continue"))
                return Refusal{417, "expectation_failed",
                               "the only expectation known is 100-continue"};
            head.expect_continue = true;
            return std::nullopt;
        case 10:
            if (iequals(field.name, "connection")) parse_connection(field.value, head);
            return std::nullopt;
        case 13:
            if (iequals(field.name, "authorization") && !once(seen.authorization))
                return Refusal{401, "wrong_scheme", "more than one Authorization header"};
            return std::nullopt;
        case 14:
            if (!iequals(field.name, "content-length")) return std::nullopt;
            if (!once(seen.length)) return framing("more than one Content-Length header");
            return parse_length(field.value, head.content_length);
        case 17:
            if (!iequals(field.name, "transfer-encoding")) return std::nullopt;
            if (!once(seen.encoding)) return framing("more than one Transfer-Encoding header");
            if (field.value != "chunked")
                return framing("Transfer-Encoding must be exactly `chunked`");
            head.chunked = true;
            return std::nullopt;
        default: return std::nullopt;
    }
}

std::optional<Refusal> parse_field(std::string_view line, Field& field) {
    if (line.front() == ' ' || line.front() == '\t')
        return framing("a header line is folded (obs-fold)");
    auto colon = line.find(':');
    if (colon == std::string_view::npos) return framing("a header line has no colon");
    field.name = line.substr(0, colon);
    if (!is_token(field.name))
        return framing("a header name holds a character that is not allowed");
    field.value = trim_ows(line.substr(colon + 1));
    if (!is_field_value(field.value)) return framing("a header value holds a control character");
    return std::nullopt;
}

std::optional<Refusal> decode(std::string_view text, bool plus_is_space, std::string& out) {
    out.clear();
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+' && plus_is_space) c = ' ';
        if (c == '%') {
            int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) return bad_target("the target holds a bad percent escape");
            c = static_cast<char>(high * 16 + low);
            if (c == '\0') return bad_target("the target holds an encoded NUL");
            i += 2;
        }
        out.push_back(c);
    }
    return std::nullopt;
}

std::optional<Refusal> check_path(std::string_view raw) {
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i];
        if (c == ';' || c == '\\') return bad_target("the path holds ; or a backslash");
        if (c == '/' && i + 1 < raw.size()) {
            if (raw[i + 1] == '/') return bad_target("the path holds //");
            auto segment = raw.substr(i + 1, raw.find('/', i + 1) - i - 1);
            if (segment == "." || segment == "..")
                return bad_target("the path holds a dot segment");
        }
        if (c == '%' && i + 2 < raw.size()) {
            int code = hex_digit(raw[i + 1]) * 16 + hex_digit(raw[i + 2]);
            // %2e, %2f, %5c: no client that means well escapes them, and one decoder more would
            // change the path.
            if (code == '.' || code == '/' || code == '\\')
                return bad_target("the path holds an encoded dot, slash or backslash");
        }
    }
    return std::nullopt;
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

HeadScanner::Result HeadScanner::scan(std::string_view bytes) {
    if (!bytes.empty() && !k_tchar[static_cast<unsigned char>(bytes[0])])
        return {framing("the request does not start with a method"), 0};
    while (true) {
        auto newline = bytes.find('\n', scanned_);
        std::size_t end = newline == std::string_view::npos ? bytes.size() : newline + 1;
        if (request_line_ == 0 && end > k_max_request_line)
            return {Refusal{414, "target_too_long", "the target is 16 KiB or longer"}, 0};
        // The empty line at the end isn't counted, so that a head at the limit passes however it is
        // cut.
        bool last = request_line_ != 0 && newline == line_ + 1 && bytes[line_] == '\r';
        if (request_line_ != 0 && !last &&
            end - request_line_ > k_max_fields_bytes + (end - line_ < 2))
            return {Refusal{431, "head_too_large", "the headers are over 8 KiB"}, 0};
        scanned_ = end;
        if (newline == std::string_view::npos) return {};
        if (newline == line_ || bytes[newline - 1] != '\r')
            return {framing("a line ends with LF instead of CRLF"), 0};
        if (last) return {std::nullopt, end};
        if (request_line_ == 0) {
            request_line_ = end;
        } else if (++fields_ > k_max_fields) {
            return {Refusal{431, "head_too_large", "more than 64 headers"}, 0};
        }
        line_ = end;
    }
}

std::optional<Refusal> parse_head(std::string_view bytes, Head& head) {
    head = {};
    auto end = bytes.find("\r\n");
    if (end == std::string_view::npos) return framing("the head has no end");
    if (auto refusal = parse_request_line(bytes.substr(0, end), head)) return refusal;
    Seen seen;
    for (auto at = end + 2;; at = end + 2) {
        end = bytes.find("\r\n", at);
        if (end == std::string_view::npos) return framing("the head has no end");
        if (end == at) break;
        if (head.count_ == k_max_fields)
            return Refusal{431, "head_too_large", "more than 64 headers"};
        Field& field = head.fields_[head.count_++];
        if (auto refusal = parse_field(bytes.substr(at, end - at), field)) return refusal;
        if (auto refusal = take_field(field, head, seen)) return refusal;
    }
    if (!seen.host && !head.http10) return framing("the Host header is missing");
    if (seen.length && seen.encoding) return framing("both Content-Length and Transfer-Encoding");
    if (head.http10 && seen.encoding) return framing("Transfer-Encoding on HTTP/1.0");
    if (head.http10) head.expect_continue = false;  // RFC 9110: such an expectation is ignored
    return std::nullopt;
}

std::optional<Refusal> decode_target(std::string_view target, Target& out) {
    auto question = target.find('?');
    auto raw_path = target.substr(0, question);
    if (target.find('#') != std::string_view::npos)
        return bad_target("the target holds a fragment");
    if (raw_path.empty() || raw_path.front() != '/')
        return bad_target("the target must start with /");
    if (auto refusal = check_path(raw_path)) return refusal;
    if (auto refusal = decode(raw_path, false, out.path)) return refusal;
    if (std::any_of(out.path.begin(), out.path.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return bad_target("the path holds an encoded control character");
    if (text::find_invalid_utf8(out.path)) return bad_target("the path is not UTF-8");
    out.query.clear();
    if (question == std::string_view::npos) return std::nullopt;
    std::string key;
    std::string value;
    for (auto rest = target.substr(question + 1); !rest.empty();) {
        auto amp = rest.find('&');
        auto pair = rest.substr(0, amp);
        rest = amp == std::string_view::npos ? std::string_view{} : rest.substr(amp + 1);
        if (pair.empty()) continue;
        auto equals = pair.find('=');
        if (auto refusal = decode(pair.substr(0, equals), true, key)) return refusal;
        auto raw_value =
            equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        if (auto refusal = decode(raw_value, true, value)) return refusal;
        if (text::find_invalid_utf8(key) || text::find_invalid_utf8(value))
            return bad_target("the query is not UTF-8");
        if (!out.query.emplace(key, value).second)
            return Refusal{400, "bad_target", "a query key is given twice"};
    }
    return std::nullopt;
}

}  // namespace sluice::http
