#pragma once
/// Server-sent events: the text form, and the loop between news and heartbeats.

#include "server/http/message.hpp"
#include "server/runtime/signal.hpp"

namespace sluice::http {

struct SseEvent {
    std::string id;     ///< the cursor that a browser sends back as Last-Event-ID; "" = none
    std::string event;  ///< "" = `message`
    std::string data;   ///< any text; each of its lines becomes a data line
};

/// The bytes of one event. Name the result before a co_await takes it: GCC 12 destroys a braced
/// temporary inside a co_await expression twice. Line breaks inside id and event would start
/// another field, so they become spaces. Pure.
std::string format_sse(const SseEvent& event);

/// A comment: keeps proxies from closing and finds out that the peer is gone.
inline constexpr std::string_view k_sse_heartbeat = ":\n\n";

/// 200 `text/event-stream`, not cached, not buffered by proxies.
Reply sse_reply(Producer producer);

/// Returns true when signal.version() != seen, and writes a heartbeat each `interval` until then.
/// False once the peer is gone: the producer then returns. On the connection's strand.
awaitable<bool> wait_for_news(StreamWriter& out, runtime::Signal& signal, std::uint64_t seen,
                              std::chrono::milliseconds interval = std::chrono::seconds{15});

}  // namespace sluice::http
