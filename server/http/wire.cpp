#include "server/http/wire.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <poll.h>

#include <system_error>

namespace sluice::http {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto k_tuple = asio::as_tuple(asio::use_awaitable);

class PlainWire final : public Wire {
public:
    explicit PlainWire(tcp::socket socket) : socket_(std::move(socket)) {
        error_code ignored;
        socket_.non_blocking(true, ignored);  // for write_now()
    }

    asio::awaitable<error_code> handshake() override { co_return error_code{}; }
    asio::awaitable<IoResult> read_some(asio::mutable_buffer buffer) override {
        return socket_.async_read_some(buffer, k_tuple);
    }
    asio::awaitable<IoResult> write_some(Pieces pieces) override {
        return socket_.async_write_some(pieces, k_tuple);
    }
    std::size_t write_now(const Pieces& pieces) override {
        error_code would_block;
        return socket_.write_some(pieces, would_block);
    }
    asio::awaitable<void> finish_writing() override {
        error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_send, ignored);
        co_return;
    }
    bool tls() const override { return false; }

protected:
    tcp::socket& socket() override { return socket_; }

private:
    tcp::socket socket_;
};

class TlsWire final : public Wire {
public:
    TlsWire(tcp::socket socket, asio::ssl::context& context)
        : stream_(std::move(socket), context) {}

    asio::awaitable<error_code> handshake() override {
        auto [ec] = co_await stream_.async_handshake(asio::ssl::stream_base::server, k_tuple);
        co_return ec;
    }
    asio::awaitable<IoResult> read_some(asio::mutable_buffer buffer) override {
        return stream_.async_read_some(buffer, k_tuple);
    }
    asio::awaitable<IoResult> write_some(Pieces pieces) override {
        return stream_.async_write_some(pieces, k_tuple);
    }
    std::size_t write_now(const Pieces&) override { return 0; }
    asio::awaitable<void> finish_writing() override {
        // Sends close_notify and waits for the peer's; the session's deadline bounds that.
        co_await stream_.async_shutdown(k_tuple);
        error_code ignored;
        socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
    bool tls() const override { return true; }

protected:
    tcp::socket& socket() override { return stream_.next_layer(); }

private:
    asio::ssl::stream<tcp::socket> stream_;
};

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* offered, unsigned int offered_size, void*) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, ours, sizeof(ours) - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

asio::awaitable<IoResult> Wire::discard_some(asio::mutable_buffer buffer) {
    return socket().async_read_some(buffer, k_tuple);
}

void Wire::cancel() {
    error_code ignored;
    socket().cancel(ignored);
}

void Wire::close() {
    error_code ignored;
    socket().close(ignored);
}

void Wire::reset() {
    error_code ignored;
    socket().set_option(asio::socket_base::linger(true, 0), ignored);
    close();
}

bool Wire::peer_gone() {
    if (!socket().is_open()) return true;
    pollfd entry{socket().native_handle(), POLLRDHUP, 0};
    return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

std::unique_ptr<Wire> make_plain_wire(tcp::socket socket) {
    return std::make_unique<PlainWire>(std::move(socket));
}

std::unique_ptr<Wire> make_tls_wire(tcp::socket socket, asio::ssl::context& context) {
    return std::make_unique<TlsWire>(std::move(socket), context);
}

std::unique_ptr<asio::ssl::context> make_tls_context(const std::string& certificate,
                                                     const std::string& key) {
    auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX* native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(
        native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // idle connections are the many
    SSL_CTX_set_alpn_select_cb(native, select_alpn, nullptr);
    error_code ec;
    context->use_certificate_chain_file(certificate, ec);
    if (ec) throw std::system_error(ec, "cannot use the TLS certificate " + certificate);
    context->use_private_key_file(key, asio::ssl::context::pem, ec);
    if (ec) throw std::system_error(ec, "cannot use the TLS key " + key);
    return context;
}

}  // namespace sluice::http
