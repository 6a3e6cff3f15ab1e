#include "server/http/static_files.hpp"

#include <array>
#include <unordered_map>

namespace sluice::http {
namespace {

// Replies share one copy of the bytes; the table itself is in the program's read-only data.
struct Entry {
    Asset asset;
    std::shared_ptr<const std::string> bytes;
};

using Table = std::unordered_map<std::string_view, Entry>;

bool is_machine_path(std::string_view path) {
    constexpr std::array<std::string_view, 3> prefixes{"/api/", "/agent/", "/hooks/"};
    for (auto prefix : prefixes)
        if (path.starts_with(prefix)) return true;
    return false;
}

const Entry* find(const Table& table, const Request& request) {
    auto at = table.find(request.path);
    if (at != table.end()) return &at->second;
    bool opened_by_browser = request.path == "/" ||
                             (request.path.find('.') == std::string::npos &&
                              request.header("accept").find("text/html") != std::string_view::npos);
    if (!opened_by_browser || is_machine_path(request.path)) return nullptr;
    at = table.find("/index.html");
    return at == table.end() ? nullptr : &at->second;
}

Reply reply_with(const Entry& entry, const Request& request) {
    const Asset& asset = entry.asset;
    Reply reply{200, std::string{asset.content_type}, {}, {}};
    bool hashed = asset.path.starts_with("/assets/");
    reply.headers.emplace_back("Cache-Control",
                               hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (!asset.etag.empty()) {
        reply.headers.emplace_back("ETag", asset.etag);
        if (request.header("if-none-match") == asset.etag) {
            reply.status = 304;
            return reply;
        }
    }
    if (asset.gzip) reply.headers.emplace_back("Content-Encoding", "gzip");
    if (asset.content_type.starts_with("text/html")) add_html_policy(reply);
    reply.body = entry.bytes;
    return reply;
}

}  // namespace

Handler static_files(std::span<const Asset> assets) {
    auto table = std::make_shared<Table>();
    for (const Asset& asset : assets)
        table->emplace(asset.path, Entry{asset, std::make_shared<const std::string>(asset.bytes)});
    return [table](Request& request) -> awaitable<Reply> {
        if (const Entry* entry = find(*table, request)) co_return reply_with(*entry, request);
        co_return error_reply(
            error(Code::not_found, "not_found", "there is nothing at this path", request.path));
    };
}

void add_html_policy(Reply& reply) {
    reply.headers.emplace_back(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    reply.headers.emplace_back("Referrer-Policy", "same-origin");
    reply.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
}

}  // namespace sluice::http
