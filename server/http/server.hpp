#pragma once
/// The HTTP/1.1 server on Beast: strict framing pre-check (R1), trailers dropped (R2), limits,
/// deadlines, one strand and one coroutine per connection, plain TCP and TLS, Unix sockets not.

#include "server/http/message.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace sluice::http {

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;       ///< 0 = any free port
    std::string tls_certificate;  ///< PEM file; empty = plain HTTP
    std::string tls_key;
    std::size_t max_connections = 4096;
    std::chrono::milliseconds header_timeout{10000};
    std::chrono::milliseconds idle_timeout{60000};
};

/// Owns the listener and its connections. `handler` gets every request that passed the pre-check.
class Server {
public:
    /// Binds and listens; throws std::system_error with the address and port in its text (port in
    /// use).
    Server(boost::asio::any_io_executor executor, ServerOptions options, Handler handler);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const;
    /// Accepts connections until stop().
    void start();
    /// Stops accepting, lets running handlers end for at most `grace`, then closes. Any thread.
    void stop(std::chrono::milliseconds grace);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::http
