#include "server/http/session.hpp"

#include "platform/failpoint.hpp"
#include "platform/log.hpp"
#include "server/http/reply_head.hpp"
#include "server/http/reply_writer.hpp"

#include <fmt/format.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

namespace sluice::http {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t k_probe_after_ms = 1000;
constexpr auto k_linger = 2000ms;
constexpr std::size_t k_linger_bytes = 4 << 20;

Method method_of(std::string_view name) {
    switch (name.size()) {
        case 3: return name == "GET" ? Method::get : Method::put;
        case 4: return name == "HEAD" ? Method::head : Method::post;
        case 5: return Method::patch;
        default: return Method::del;
    }
}

bool host_allowed(const std::vector<std::string>& hosts, std::string_view host) {
    return hosts.empty() ||
           std::any_of(hosts.begin(), hosts.end(), [&](const auto& h) { return iequals(h, host); });
}

void take_header(Request& request, const Field& field) {
    std::string name{field.name};
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    auto [at, fresh] = request.headers.try_emplace(std::move(name), field.value);
    if (fresh) return;
    at->second += ", ";
    at->second += field.value;
    auto& repeated = request.repeated;
    if (std::find(repeated.begin(), repeated.end(), at->first) == repeated.end())
        repeated.push_back(at->first);
}

}  // namespace

Session::Session(std::shared_ptr<ServerState> state, std::unique_ptr<Wire> wire, std::string peer,
                 std::function<void(Session*)> on_end)
    : state_(std::move(state)),
      connection_(*state_, std::move(wire)),
      peer_(std::move(peer)),
      on_end_(std::move(on_end)) {}

Session::~Session() {
    on_end_(this);
}

void Session::start() {
    auto ended = [self = shared_from_this()](std::exception_ptr thrown) {
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& e) {
            // Killed; everything else is a bug of this file, since handlers are caught in handle().
            if (e.code() != asio::error::operation_aborted)
                log::error("http session failed what={}", e.what());
        } catch (const std::exception& e) {
            log::error("http session failed what={}", e.what());
        }
    };
    asio::co_spawn(
        connection_.wire().executor(), [this] { return run(); },
        asio::bind_cancellation_slot(cancel_.slot(), std::move(ended)));
}

template <class Work>
void Session::post(Work work) {
    auto self = weak_from_this().lock();
    if (!self) return;
    auto executor = connection_.wire().executor();
    // Moved, not copied: the last owner must go on the strand, not here, where the caller may hold
    // the server's mutex.
    auto task = [self = std::move(self), work = std::move(work)] { work(*self); };
    asio::post(executor, std::move(task));
}

void Session::tick(std::int64_t now_ms, bool probe) {
    if (connection_.overdue(now_ms)) post([](Session& self) { self.connection_.expire(); });
    if (probe && now_ms - busy_since_.load(std::memory_order_relaxed) >= k_probe_after_ms)
        post([](Session& self) { self.probe_peer(); });
}

void Session::probe_peer() {
    if (busy_since_.load(std::memory_order_relaxed) == k_not_busy ||
        !connection_.wire().peer_gone())
        return;
    connection_.set_gone();
    // Total: reaches waits at a Signal alone (they let it through), never a handler in the middle
    // of its work.
    cancel_.emit(asio::cancellation_type::total);
}

void Session::stop_soon() {
    post([](Session& self) {
        if (self.idle_) self.connection_.wire().cancel();
        self.cancel_.emit(asio::cancellation_type::total);
    });
}

void Session::kill() {
    post([](Session& self) {
        self.connection_.set_gone();
        self.connection_.wire().close();
        self.cancel_.emit(asio::cancellation_type::terminal);
    });
}

awaitable<void> Session::run() {
    connection_.set_deadline(state_->options.header_timeout);
    auto refused = co_await connection_.wire().handshake();
    bool open = !refused;
    // `open` must stay a variable: GCC 12 breaks the frame of a coroutine that has a co_await in a
    // condition and no local variable at all.
    while (open && !state_->stopping) {
        open = co_await serve_one();
        connection_.shrink();
    }
    if (!refused && !connection_.gone()) co_await linger();
}

/// The size of the next head in input(), 0 when the connection ends instead.
awaitable<std::size_t> Session::read_head() {
    const ServerOptions& options = state_->options;
    idle_ = connection_.input().empty();
    connection_.set_deadline(idle_ && !first_ ? options.idle_timeout : options.header_timeout);
    first_ = false;
    HeadScanner scanner;
    while (true) {
        auto result = scanner.scan(connection_.input());
        if (result.refusal) {
            co_await refuse(*result.refusal);
            co_return 0;
        }
        if (result.size > 0) {
            connection_.clear_deadline();
            co_return result.size;
        }
        auto [ec, size] = co_await connection_.fill();
        if (ec) {
            bool half_a_head = !connection_.input().empty();
            closed_idle_ = std::exchange(idle_, false);
            if (connection_.timed_out() && half_a_head)
                co_await refuse({408, "head_too_slow", "the request's head did not come in time"});
            else if (!connection_.timed_out() && ec != asio::error::operation_aborted)
                connection_.set_gone();
            co_return 0;
        }
        if (std::exchange(idle_, false)) connection_.set_deadline(options.header_timeout);
    }
}

std::optional<Refusal> Session::accept_head(std::string_view bytes, Request& request,
                                            BodyFraming& framing) {
    Head head;
    if (auto refusal = parse_head(bytes, head)) return refusal;
    Target target;
    if (auto refusal = decode_target(head.target, target)) return refusal;
    if (!host_allowed(state_->options.hosts, head.host))
        return Refusal{421, "misdirected", "this server does not answer for that host"};
    http10_ = head.http10;
    keep_alive_ = head.keep_alive;
    framing = {head.chunked, head.content_length, head.expect_continue};
    request.method = method_of(head.method);
    request.target = head.target;
    request.path = std::move(target.path);
    request.query = std::move(target.query);
    // Taken now, so that nothing that comes with the body can add to it (R2).
    for (const Field& field : head.fields()) take_header(request, field);
    request.peer = peer_;
    request.tls = connection_.wire().tls();
    return std::nullopt;
}

namespace {

/// What failpoints call a request: `finish` of /agent/v1/attempts/7/finish; an upload is named by
/// what is sent, not by its name.
std::string transition_of(std::string_view path) {
    if constexpr (!failpoint::k_built_in) return {};
    const std::size_t last = path.rfind('/');
    if (last == std::string_view::npos) return {};
    if (path.substr(0, last).ends_with("/reports")) return "upload";
    return std::string(path.substr(last + 1));
}

}  // namespace

awaitable<bool> Session::serve_one() {
    auto head_size = co_await read_head();
    if (head_size == 0) co_return false;
    Request request;
    BodyFraming framing;
    if (auto refusal = accept_head(connection_.input().substr(0, head_size), request, framing)) {
        co_await refuse(*refusal);
        co_return false;
    }
    connection_.consume(head_size);
    RequestBody body{connection_, framing};
    request.body = &body;

    busy_since_.store(state_->now_ms.load(std::memory_order_relaxed), std::memory_order_relaxed);
    const std::string transition = transition_of(request.path);
    failpoint::hit(transition, "before");
    Reply reply = co_await handle(request);
    bool keep = keep_alive_ && !state_->stopping && body.can_drain() && !wants_close(reply);
    SendOptions options{request.method == Method::head, http10_, !keep};
    bool sent = false;
    if (!connection_.gone()) sent = co_await send_reply(connection_, reply, options);
    failpoint::hit(transition, "after_reply");
    busy_since_.store(k_not_busy, std::memory_order_relaxed);
    if (!sent) connection_.set_gone();
    if (!sent || !keep) co_return false;
    if (body.done()) co_return true;
    co_return co_await body.drain();
}

/// The handler's reply; 500 for what it throws, 503 when the server stops under a parked one.
awaitable<Reply> Session::handle(Request& request) {
    std::string failure;
    bool stopped = false;
    try {
        co_return co_await state_->handler(request);
    } catch (const boost::system::system_error& e) {
        stopped =
            e.code() == asio::error::operation_aborted && (state_->stopping || connection_.gone());
        failure = e.what();
    } catch (const std::exception& e) {
        failure = e.what();
    } catch (...) {
        failure = "something that is not a std::exception";
    }
    if (stopped)
        co_return error_reply(
            error(Code::unavailable, "stopping", "the server is stopping, try again"));
    co_return internal_error(request.path, failure);
}

awaitable<void> Session::refuse(Refusal refusal) {
    auto reply =
        error_reply(error(Code::invalid, std::string{refusal.id}, std::string{refusal.message}));
    reply.status = refusal.status;
    if (refusal.status == 405)
        reply.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE");
    if (refusal.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (!co_await send_reply(connection_, reply, {.close = true})) connection_.set_gone();
}

/// Closing a socket with unread input resets it, and the reset may overtake our reply: so say that
/// we are done and swallow what still comes, for a while.
awaitable<void> Session::linger() {
    connection_.set_deadline(k_linger);
    co_await connection_.wire().finish_writing();
    if (closed_idle_) co_return;  // nothing was sent that could get lost
    auto sink = std::make_unique_for_overwrite<char[]>(16 * 1024);
    for (std::size_t dropped = 0; dropped < k_linger_bytes && !connection_.timed_out();) {
        auto [ec, size] =
            co_await connection_.wire().discard_some(asio::buffer(sink.get(), 16 * 1024));
        if (ec) break;
        dropped += size;
    }
    connection_.clear_deadline();
}

}  // namespace sluice::http
