#pragma once
/// The server's REST API (server/api/openapi.json) as calls that return its JSON. The only place of
/// the CLI that speaks HTTP. Blocking, one thread.

#include "cli/session.hpp"
#include "cli/sse.hpp"
#include "pipelines/base/json.hpp"
#include "platform/http_client.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::cli {

/// Pairs with an empty value are left out.
using Query = std::vector<std::pair<std::string, std::string>>;

class ApiClient {
public:
    explicit ApiClient(Session session);

    const Session& session() const { return session_; }

    /// Refused with id `unreachable` when the server gave no answer, else with the server's own
    /// error.
    Result<json::Value> get(const std::string& path, const Query& query = {});
    Result<json::Value> post(const std::string& path, const json::Value& body,
                             const Query& query = {});
    Result<json::Value> put(const std::string& path, const json::Value& body);
    Result<json::Value> patch(const std::string& path, const json::Value& body);
    Result<> remove(const std::string& path);
    /// Ends a call that another thread makes, and all later ones. Any thread.
    void interrupt() { client_.interrupt(); }

    /// Copies a body that may be large to `sink` as it comes.
    Result<> download(const std::string& path, const Query& query,
                      const http_client::BodySink& sink);

    /// Reads an event stream until `parser` wants no more or the connection ends. `resume_at` is
    /// sent as Last-Event-ID when not empty.
    Result<> stream(const std::string& path, const Query& query, SseParser& parser,
                    const std::string& resume_at);

private:
    Result<json::Value> write(std::string method, const std::string& path, const json::Value& body,
                              const Query& query);
    Result<http_client::Response> send(http_client::Request request);
    std::string url_of(const std::string& path, const Query& query) const;

    Session session_;
    http_client::Client client_;
};

/// One part of a path, percent-encoded.
std::string path_part(std::string_view text);

/// How a refused transfer reads for people: what could not be reached, and what to try.
Error unreachable(const Session& session, const Error& cause);
/// The server's error object (`{error, message, where}`) or, without one, its status line.
Error refusal(const http_client::Response& response, const Session& session);

}  // namespace sluice::cli
