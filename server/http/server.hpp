#pragma once
/// The HTTP/1.1 server on Beast: strict framing pre-check (R1), trailers dropped (R2), limits,
/// deadlines, one strand and one coroutine per connection, plain TCP and TLS, Unix sockets not.

#include "server/http/message.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace sluice::runtime {
class Pool;
}

namespace sluice::http {

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;       ///< 0 = any free port
    std::string tls_certificate;  ///< PEM file; empty = plain HTTP
    std::string tls_key;
    std::size_t max_connections = 4096;
    std::chrono::milliseconds header_timeout{10000};
    std::chrono::milliseconds idle_timeout{60000};
    /// A body may dawdle that long altogether, beyond that it must come at `body_min_rate` bytes/s
    /// (S31); else 408.
    std::chrono::milliseconds body_grace{10000};
    std::size_t body_min_rate = 1024;
    /// A peer that takes nothing of a reply for so long is cut off.
    std::chrono::milliseconds write_timeout{30000};
    /// Names that Host may hold, lower case, without port; others get 421. Empty = any.
    std::vector<std::string> hosts;
    /// Reads file bodies that aren't in the page cache; outlives the io_context. nullptr = one
    /// thread of the server's own.
    runtime::Pool* disk = nullptr;
};

/// Owns the listener and its connections. `handler` gets every request that passed the pre-check;
/// what it throws becomes a 500 `internal` with an id that the log knows. Requests of one
/// connection are handled one after the other. A handler that waits at a runtime::Signal is ended
/// there by an operation_aborted exception when its client hangs up or the server stops (503): hold
/// what must be given back in RAII. The handler lives as long as its connections, so what it refers
/// to must outlive the io_context's run().
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
    /// Stops accepting, closes idle connections, lets running handlers end for at most `grace`,
    /// then closes theirs too. Returns at once; the io_context runs out of the server's work when
    /// all have ended. Any thread.
    void stop(std::chrono::milliseconds grace);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::http
