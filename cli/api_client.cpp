#include "cli/api_client.hpp"

#include "cli/exit_code.hpp"
#include "cli/json_view.hpp"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

constexpr json::Limits k_reply_limits{64 << 20, 64};

Code code_of_status(int status) {
    switch (status) {
        case 401: return Code::unauthorized;
        case 403: return Code::forbidden;
        case 404: return Code::not_found;
        case 409: return Code::conflict;
        case 410: return Code::gone;
        case 413: return Code::too_large;
        case 503: return Code::unavailable;
        default: return status < 500 ? Code::invalid : Code::internal;
    }
}

std::string with_advice(std::string message, int status, const Session& session) {
    if (status == 401 && session.token.empty())
        return message +
               fmt::format("; no token is known for {}: sluice login {}", session.url, session.url);
    if (status == 401) return message + "; the token in use came from " + session.source;
    if (status == 403) return message + "; `sluice token list` needs and shows roles";
    return message;
}

}  // namespace

std::string path_part(std::string_view text) {
    return http_client::percent_encode(text);
}

Error unreachable(const Session& session, const Error& cause) {
    std::string advice = cause.id == "tls"
                             ? "an authority of your own is named by --ca FILE or SLUICE_CA"
                             : "is it running? Start one with: sluice-server --data DIR";
    return error(Code::unavailable, k_unreachable,
                 fmt::format("no answer from {} (from {}): {}; {}", session.url, session.source,
                             cause.message, advice));
}

Error refusal(const http_client::Response& response, const Session& session) {
    auto body = json::parse(response.body, k_reply_limits);
    std::string id = body ? text_of(*body, "error") : "";
    std::string message = body ? text_of(*body, "message") : "";
    if (id.empty()) id = fmt::format("http_{}", response.status);
    if (message.empty())
        message = fmt::format("{} answered with status {}", session.url, response.status);
    return error(code_of_status(response.status), id,
                 with_advice(message, response.status, session),
                 body ? text_of(*body, "where") : "");
}

ApiClient::ApiClient(Session session)
    : session_(std::move(session)),
      client_(http_client::ClientOptions{.ca_file = session_.ca_file, .user_agent = "sluice-cli"}) {
}

std::string ApiClient::url_of(const std::string& path, const Query& query) const {
    std::string url = session_.url + path;
    char separator = '?';
    for (const auto& [key, value] : query) {
        if (value.empty()) continue;
        url += separator + key + '=' + http_client::percent_encode(value);
        separator = '&';
    }
    return url;
}

Result<http_client::Response> ApiClient::send(http_client::Request request) {
    if (!session_.token.empty())
        request.headers.push_back("Authorization: Bearer " + session_.token);
    auto reply = client_.send(request);
    if (!reply) {
        const Error& cause = reply.error();
        if (cause.id == "interrupted" || cause.code == Code::too_large) return cause;
        return unreachable(session_, cause);
    }
    if (!reply->ok()) return refusal(*reply, session_);
    return reply;
}

Result<json::Value> ApiClient::get(const std::string& path, const Query& query) {
    http_client::Request request;
    request.url = url_of(path, query);
    request.response_max = k_reply_limits.bytes;
    SLUICE_TRY(auto reply, send(std::move(request)));
    return json::parse(reply.body, k_reply_limits);
}

Result<json::Value> ApiClient::post(const std::string& path, const json::Value& body,
                                    const Query& query) {
    return write("POST", path, body, query);
}

Result<json::Value> ApiClient::put(const std::string& path, const json::Value& body) {
    return write("PUT", path, body, {});
}

Result<json::Value> ApiClient::patch(const std::string& path, const json::Value& body) {
    return write("PATCH", path, body, {});
}

Result<json::Value> ApiClient::write(std::string method, const std::string& path,
                                     const json::Value& body, const Query& query) {
    std::string text = json::serialize(body);
    http_client::Request request;
    request.method = std::move(method);
    request.url = url_of(path, query);
    request.headers = {"Content-Type: application/json"};
    request.body = text;
    SLUICE_TRY(auto reply, send(std::move(request)));
    if (reply.body.empty()) return json::Value(json::Object{});
    return json::parse(reply.body, k_reply_limits);
}

Result<> ApiClient::remove(const std::string& path) {
    http_client::Request request;
    request.method = "DELETE";
    request.url = url_of(path, {});
    SLUICE_CHECK(send(std::move(request)));
    return {};
}

Result<> ApiClient::download(const std::string& path, const Query& query,
                             const http_client::BodySink& sink) {
    http_client::Request request;
    request.url = url_of(path, query);
    request.sink = sink;
    request.timeout = Duration{0};
    SLUICE_CHECK(send(std::move(request)));
    return {};
}

Result<> ApiClient::stream(const std::string& path, const Query& query, SseParser& parser,
                           const std::string& resume_at) {
    http_client::Request request;
    request.url = url_of(path, query);
    request.headers = {"Accept: text/event-stream"};
    if (!resume_at.empty()) request.headers.push_back("Last-Event-ID: " + resume_at);
    request.timeout = Duration{0};
    bool wanted = true;
    request.sink = [&](std::string_view piece) { return wanted = parser.feed(piece); };
    auto reply = send(std::move(request));
    if (!reply && wanted) return std::move(reply).error();
    return {};
}

}  // namespace sluice::cli
