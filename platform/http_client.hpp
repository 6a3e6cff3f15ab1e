#pragma once
/// Blocking HTTP/1.1 client: the only place that uses libcurl. One Client = one caller at a time
/// and its kept-alive connections; interrupt() alone may come from any thread. Proxies of the
/// environment are ignored, redirects are not followed (an Authorization header must never travel
/// to a place that a server names).

#include "pipelines/base/result.hpp"
#include "pipelines/base/time.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace sluice::http_client {

/// Once per process before any thread starts (main, and the zygote before it forks). Throws when
/// libcurl cannot start.
void init_client();

struct ClientOptions {
    /// A PEM file: the only authorities to trust; "" = the system's bundle (slow to load: 30 ms).
    std::string ca_file;
    Duration connect_timeout{10'000};
    std::string user_agent = "sluice";
    /// Follow nothing, accept everything with TLS >= 1.2 whose certificate verifies. No option
    /// turns that off.
};

/// Fills `buffer` and returns how many bytes; 0 ends the body. Called until `body_size` bytes were
/// given.
using BodyReader = std::function<std::size_t(char* buffer, std::size_t size)>;
/// Takes a piece of the reply's body; false ends the transfer (send() then returns id
/// `interrupted`).
using BodySink = std::function<bool(std::string_view piece)>;
/// Whether the address may be connected to.
using AddressRule = std::function<bool(const sockaddr& address)>;

/// Who signs a request, and for what, as Amazon's services and those that speak like them want it
/// (Signature Version 4). The hash of the body is the caller's header X-Amz-Content-Sha256.
struct SigV4 {
    std::string region, service;
    std::string key_id, secret;
};

struct Request {
    std::string method = "GET";
    std::string url;                   ///< absolute, http or https
    std::vector<std::string> headers;  ///< `Name: value`
    std::string_view body;             ///< stays valid during send()
    BodyReader body_reader;            ///< instead of `body`, with body_size
    std::int64_t body_size = 0;
    /// Receives the body of 2xx replies instead of Response::body.
    BodySink sink;
    /// Asked of the very address that a new connection goes to, so that a name which resolves anew
    /// can't lead elsewhere; `address_denied` when it says no. Nothing = any address.
    AddressRule may_connect;
    /// Stays valid during send(). The query of the URL must be as it is signed: names in order,
    /// each with `=`.
    const SigV4* sign = nullptr;
    Duration timeout{30'000};  ///< for the whole exchange; 0 = none
    std::size_t response_max =
        16 << 20;  ///< bytes of Response::body; more is refused with too_large
};

struct Response {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case; the last of equal ones
    std::string body;
    bool ok() const { return status >= 200 && status < 300; }
};

class Client {
public:
    explicit Client(ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Any HTTP status is a value. Refused: `connect_failed` (unavailable: nothing reached the
    /// server or the connection broke), `timeout`, `tls` (certificate or handshake), `interrupted`,
    /// `bad_url`, too_large, `address_denied` (forbidden).
    Result<Response> send(const Request& request);

    /// Ends the running send() at once with id `interrupted`, and every later one until resume().
    /// Any thread.
    void interrupt();
    void resume();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Percent-encodes all but unreserved characters, for one part of a path or query.
std::string percent_encode(std::string_view text);

}  // namespace sluice::http_client
