#pragma once
/// One connection from accept to close: reads heads, runs the handler, sends replies, one request
/// after the other.

#include "server/http/connection.hpp"
#include "server/http/precheck.hpp"
#include "server/http/request_body.hpp"

#include <boost/asio/cancellation_signal.hpp>

namespace sluice::http {

/// Kept alive by its coroutine. Everything on the connection's strand but what says "any thread".
class Session final : public std::enable_shared_from_this<Session> {
public:
    /// `on_end` is called once, by the destructor.
    Session(std::shared_ptr<ServerState> state, std::unique_ptr<Wire> wire, std::string peer,
            std::function<void(Session*)> on_end);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void start();

    /// Any thread: looks at the deadline and, with `probe`, whether the client of a long-running
    /// handler hung up.
    void tick(std::int64_t now_ms, bool probe);
    /// Any thread: the server is stopping; idle ones close, parked handlers wake.
    void stop_soon();
    /// Any thread: closes now.
    void kill();

private:
    awaitable<void> run();
    awaitable<bool> serve_one();
    awaitable<std::size_t> read_head();
    awaitable<Reply> handle(Request& request);
    awaitable<void> refuse(Refusal refusal);
    awaitable<void> linger();
    std::optional<Refusal> accept_head(std::string_view bytes, Request& request,
                                       BodyFraming& framing);
    void probe_peer();
    template <class Work>
    void post(Work work);

    std::shared_ptr<ServerState> state_;
    Connection connection_;
    std::string peer_;
    std::function<void(Session*)> on_end_;
    boost::asio::cancellation_signal cancel_;
    std::atomic<std::int64_t> busy_since_{k_not_busy};  // when the handler began
    bool idle_ = false;                                 // waits for a request's first byte
    bool closed_idle_ = false;
    bool first_ = true;
    bool http10_ = false;
    bool keep_alive_ = true;

    static constexpr std::int64_t k_not_busy = std::numeric_limits<std::int64_t>::max();
};

}  // namespace sluice::http
