#pragma once
/// What handlers see of HTTP: no Beast here, so that only http/ compiles it. Handlers are
/// coroutines on the connection's strand (io threads): they never block; blocking work goes to a
/// pool by run_on().

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::http {

template <class T>
using awaitable = boost::asio::awaitable<T>;

enum class Method { get, head, post, put, patch, del };

/// Error::id of a body that came below 1 KiB/s; its reply is 408.
inline constexpr std::string_view k_body_too_slow = "body_too_slow";

/// The body of a request, read on demand, so that authentication comes first.
class BodyReader {
public:
    virtual ~BodyReader() = default;
    /// The whole body; refused with too_large over `max_bytes` (the connection then closes after
    /// the reply).
    virtual awaitable<Result<std::string>> read_all(std::size_t max_bytes) = 0;
    /// Up to buffer.size() bytes, 0 at the end. Refused when the peer breaks off or is too slow.
    virtual awaitable<Result<std::size_t>> read_some(std::span<char> buffer) = 0;
};

struct Request {
    Method method = Method::get;
    std::string target;                         ///< as sent, origin-form
    std::string path;                           ///< percent-decoded once, without the query
    std::map<std::string, std::string> query;   ///< decoded; a repeated key is refused before (400)
    std::map<std::string, std::string> params;  ///< from the route's pattern: {run} → "12"
    /// Names in lower case, from the header section only: trailers never appear (R2). The values of
    /// a repeated name are joined by ", "; who needs exactly one value asks `repeated` too.
    /// Authorization and Host are never repeated.
    std::map<std::string, std::string, std::less<>> headers;
    std::vector<std::string> repeated;  ///< lower-case names that were sent more than once
    std::string peer;                   ///< remote address without port
    bool tls = false;
    BodyReader* body = nullptr;  ///< valid during the handler

    /// The header or "".
    std::string_view header(std::string_view lower_case_name) const {
        auto at = headers.find(lower_case_name);
        return at == headers.end() ? std::string_view{} : std::string_view{at->second};
    }
};

/// Writes a streamed reply (server-sent events).
class StreamWriter {
public:
    virtual ~StreamWriter() = default;
    /// False once the peer is gone or too slow (1 MiB behind or 30 s without progress): the
    /// producer then returns.
    virtual awaitable<bool> write(std::string bytes) = 0;
    virtual bool closed() const = 0;
};
/// Produces the body of a streamed reply; its captures live as long as the stream.
using Producer = std::function<awaitable<void>(StreamWriter&)>;

/// A part of a file as body, sent by 256 KiB pieces read on the disk pool.
struct FileBody {
    std::shared_ptr<files::Fd> fd;
    std::int64_t offset = 0;
    std::int64_t length = 0;
};

using Body = std::variant<std::string, std::shared_ptr<const std::string>, FileBody, Producer>;

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    Body body;
};

inline Reply json_reply(int status, std::string body) {
    return {status, "application/json", {}, std::move(body)};
}
/// `{"error":…,"message":…,"where":…}` with the status of the error's code.
Reply error_reply(const Error& error);
int status_of(Code code);

using Handler = std::function<awaitable<Reply>(Request&)>;

}  // namespace sluice::http
