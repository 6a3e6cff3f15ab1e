#include "server/http/server.hpp"

#include "platform/clock.hpp"
#include "platform/log.hpp"
#include "server/http/session.hpp"

#include <fmt/format.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <netinet/tcp.h>

#include <mutex>
#include <system_error>
#include <unordered_set>

namespace sluice::http {
namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto k_tuple = asio::as_tuple(asio::use_awaitable);

std::string peer_text(const tcp::socket& socket) {
    error_code ec;
    auto address = socket.remote_endpoint(ec).address();
    if (ec) return {};
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
}

void set_option(const tcp::socket& socket, int level, int name, int value) {
    ::setsockopt(const_cast<tcp::socket&>(socket).native_handle(), level, name, &value,
                 sizeof value);
}

/// A peer that vanished without a word is found out in about a minute when idle, in 30 s when it
/// owes us an ack.
void tune(tcp::socket& socket) {
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000);
}

std::chrono::milliseconds tick_for(const ServerOptions& options) {
    auto shortest = std::min(
        {options.header_timeout, options.idle_timeout, options.body_grace, options.write_timeout});
    return std::clamp(shortest / 8, 5ms, 250ms);
}

}  // namespace

/// The acceptor, the tick, and the set of live sessions.
struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
    Impl(asio::any_io_executor io, ServerOptions options, Handler handler)
        : executor(io), strand(asio::make_strand(io)), acceptor(strand), timer(strand) {
        state->tick = tick_for(options);
        state->options = std::move(options);
        state->handler = std::move(handler);
        state->disk = state->options.disk;
        read_clocks();
        if (!state->disk) {
            own_disk = std::make_unique<runtime::Pool>("http-disk", 1);
            state->disk = own_disk.get();
        }
        if (!state->options.tls_certificate.empty())
            tls = make_tls_context(state->options.tls_certificate, state->options.tls_key);
        listen();
    }

    void listen() {
        const ServerOptions& options = state->options;
        try {
            tcp::endpoint endpoint{asio::ip::make_address(options.address), options.port};
            acceptor.open(endpoint.protocol());
            acceptor.set_option(tcp::acceptor::reuse_address(true));
            if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(false));
            acceptor.bind(endpoint);
            acceptor.listen(4096);
        } catch (const boost::system::system_error& e) {
            throw std::system_error(
                e.code(), fmt::format("cannot listen on {}:{}", options.address, options.port));
        }
        port = acceptor.local_endpoint().port();
    }

    void read_clocks() {
        // Moves by two ticks at most: after a pause of the whole process no connection is to blame
        // for the silence.
        auto steady = clock.steady();
        auto step = std::chrono::duration_cast<std::chrono::milliseconds>(steady - last_steady);
        last_steady += step;
        state->now_ms += std::clamp(step, 0ms, 2 * state->tick).count();
        state->now_s = clock.now().ms / 1000;
    }

    asio::awaitable<void> accept_all() {
        while (!state->stopping) {
            auto [ec, socket] =
                co_await acceptor.async_accept(asio::make_strand(executor), k_tuple);
            if (state->stopping) break;
            if (ec) {
                // Out of descriptors or memory: those who hold them go first.
                log::warn("accept failed what={}", ec.message());
                asio::steady_timer pause{strand, 100ms};
                co_await pause.async_wait(k_tuple);
                continue;
            }
            admit(std::move(socket));
        }
    }

    void admit(tcp::socket socket) {
        tune(socket);
        if (is_full()) {
            // Plain HTTP only: a TLS client just sees the end of the connection.
            constexpr std::string_view full =
                "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
                "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
            error_code ignored;
            if (!tls) socket.write_some(asio::buffer(full), ignored);
            return;
        }
        auto peer = peer_text(socket);
        auto wire =
            tls ? make_tls_wire(std::move(socket), *tls) : make_plain_wire(std::move(socket));
        auto on_end = [self = shared_from_this()](Session* session) {
            std::lock_guard guard(self->mutex);
            self->sessions.erase(session);
        };
        auto session =
            std::make_shared<Session>(state, std::move(wire), std::move(peer), std::move(on_end));
        {
            std::lock_guard lock(mutex);
            sessions.insert(session.get());
        }
        session->start();
    }

    bool is_full() {
        std::lock_guard lock(mutex);
        return sessions.size() >= state->options.max_connections;
    }

    asio::awaitable<void> tick() {
        constexpr int k_probe_each = 4;
        for (int count = 0;; ++count) {
            timer.expires_after(state->tick);
            co_await timer.async_wait(k_tuple);
            read_clocks();
            auto now = state->now_ms.load();
            std::lock_guard lock(mutex);
            if (state->stopping && sessions.empty()) break;
            bool kill = state->stopping && clock.steady() >= stop_at;
            for (Session* session : sessions) {
                if (kill)
                    session->kill();
                else
                    session->tick(now, count % k_probe_each == 0);
            }
        }
    }

    void start() {
        auto self = shared_from_this();
        auto accept = [self] { return self->accept_all(); };
        auto ticking = [self] { return self->tick(); };
        asio::co_spawn(strand, std::move(accept), asio::detached);
        asio::co_spawn(strand, std::move(ticking), asio::detached);
    }

    void stop(std::chrono::milliseconds grace) {
        auto self = shared_from_this();
        asio::post(strand, [self, grace] {
            error_code ignored;
            self->acceptor.close(ignored);
            std::lock_guard lock(self->mutex);
            auto at = self->clock.steady() + grace;
            if (!self->state->stopping || at < self->stop_at) self->stop_at = at;
            self->state->stopping = true;
            for (Session* session : self->sessions) session->stop_soon();
            self->timer.cancel();
        });
    }

    SystemClock clock;
    std::chrono::steady_clock::time_point last_steady = clock.steady();
    std::shared_ptr<ServerState> state = std::make_shared<ServerState>();
    asio::any_io_executor executor;
    asio::any_io_executor strand;  // of the acceptor and the tick
    tcp::acceptor acceptor;
    asio::steady_timer timer;
    std::unique_ptr<runtime::Pool> own_disk;
    std::unique_ptr<asio::ssl::context> tls;
    std::uint16_t port = 0;
    std::chrono::steady_clock::time_point stop_at;
    std::mutex mutex;
    std::unordered_set<Session*> sessions;  // guarded by mutex; each removes itself
};

Server::Server(asio::any_io_executor executor, ServerOptions options, Handler handler)
    : impl_(std::make_shared<Impl>(executor, std::move(options), std::move(handler))) {}

Server::~Server() {
    stop(0ms);
}

std::uint16_t Server::port() const {
    return impl_->port;
}
void Server::start() {
    impl_->start();
}
void Server::stop(std::chrono::milliseconds grace) {
    impl_->stop(grace);
}

}  // namespace sluice::http
