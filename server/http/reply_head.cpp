#include "server/http/reply_head.hpp"

#include "server/http/precheck.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace sluice::http {
namespace {

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 412: return "Precondition Failed";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return "Unknown";
    }
}

void append_number(std::string& out, std::int64_t value) {
    std::array<char, 20> digits;
    auto [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end);
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, formatted once a second and thread.
std::string_view http_date(std::int64_t now_s) {
    thread_local std::int64_t formatted = -1;
    thread_local std::array<char, 32> text{};
    thread_local std::size_t size = 0;
    if (now_s != formatted) {
        std::time_t time = static_cast<std::time_t>(now_s);
        std::tm parts{};
        gmtime_r(&time, &parts);
        size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        formatted = now_s;
    }
    return {text.data(), size};
}

bool is_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

bool is_ours(std::string_view name) {
    return iequals(name, "content-length") || iequals(name, "transfer-encoding") ||
           iequals(name, "connection") || iequals(name, "date");
}

}  // namespace

bool append_reply_head(std::string& out, const Reply& reply, const ReplyFraming& framing) {
    if (reply.status < 200 || reply.status > 599 || !is_value(reply.content_type)) return false;
    for (const auto& [name, value] : reply.headers)
        if (!is_name(name) || !is_value(value)) return false;
    out += "HTTP/1.1 ";
    append_number(out, reply.status);
    out += ' ';
    out += reason(reply.status);
    out += "\r\nDate: ";
    out += http_date(framing.now_s);
    if (!reply.content_type.empty() && reply.status != 204 && reply.status != 304) {
        out += "\r\nContent-Type: ";
        out += reply.content_type;
    }
    if (framing.length == ReplyFraming::Length::known) {
        out += "\r\nContent-Length: ";
        append_number(out, framing.bytes);
    }
    if (framing.length == ReplyFraming::Length::chunked) out += "\r\nTransfer-Encoding: chunked";
    out += "\r\nX-Content-Type-Options: nosniff";
    for (const auto& [name, value] : reply.headers) {
        if (is_ours(name)) continue;
        out += "\r\n";
        out += name;
        out += ": ";
        out += value;
    }
    if (framing.close) out += "\r\nConnection: close";
    out += "\r\n\r\n";
    return true;
}

bool wants_close(const Reply& reply) {
    return std::any_of(reply.headers.begin(), reply.headers.end(), [](const auto& header) {
        return iequals(header.first, "connection") && iequals(header.second, "close");
    });
}

}  // namespace sluice::http
