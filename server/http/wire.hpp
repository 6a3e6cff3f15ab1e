#pragma once
/// One TCP connection, plain or under TLS, as the session sees it. All calls on the connection's
/// strand.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <memory>
#include <string>
#include <tuple>

namespace boost::asio::ssl {
class context;
}

namespace sluice::http {

using boost::system::error_code;
/// The error, or the bytes moved (always some).
using IoResult = std::tuple<error_code, std::size_t>;
/// Pieces to write one after the other; unused ones are empty.
using Pieces = std::array<boost::asio::const_buffer, 3>;

class Wire {
public:
    virtual ~Wire() = default;
    virtual boost::asio::awaitable<error_code> handshake() = 0;
    virtual boost::asio::awaitable<IoResult> read_some(boost::asio::mutable_buffer buffer) = 0;
    virtual boost::asio::awaitable<IoResult> write_some(Pieces pieces) = 0;
    /// What the socket takes at once, without suspending; 0 where that cannot be had. Errors show
    /// at the next write_some().
    virtual std::size_t write_now(const Pieces& pieces) = 0;
    /// Tells the peer that nothing more comes.
    virtual boost::asio::awaitable<void> finish_writing() = 0;
    /// Reads and drops from the socket below, also after finish_writing().
    boost::asio::awaitable<IoResult> discard_some(boost::asio::mutable_buffer buffer);

    virtual bool tls() const = 0;
    /// Ends pending calls with operation_aborted.
    void cancel();
    void close();
    /// Closes and drops what isn't sent: the kernel would keep that for a peer that doesn't read.
    void reset();
    /// The peer closed or reset its side; doesn't suspend.
    bool peer_gone();
    boost::asio::any_io_executor executor() { return socket().get_executor(); }

protected:
    virtual boost::asio::ip::tcp::socket& socket() = 0;
};

std::unique_ptr<Wire> make_plain_wire(boost::asio::ip::tcp::socket socket);
/// `context` outlives the wire.
std::unique_ptr<Wire> make_tls_wire(boost::asio::ip::tcp::socket socket,
                                    boost::asio::ssl::context& context);

/// TLS 1.2 or later, ALPN http/1.1, from PEM files. Throws std::system_error that names the file.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(const std::string& certificate,
                                                            const std::string& key);

}  // namespace sluice::http
