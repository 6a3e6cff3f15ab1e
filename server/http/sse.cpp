#include "server/http/sse.hpp"

#include <algorithm>

namespace sluice::http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    for (char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    out.push_back('\n');
}

}  // namespace

std::string format_sse(const SseEvent& event) {
    std::string out;
    out.reserve(event.data.size() + event.id.size() + event.event.size() + 32);
    if (!event.id.empty()) append_field(out, "id", event.id);
    if (!event.event.empty()) append_field(out, "event", event.event);
    std::string_view rest = event.data;
    // Two searches at memory speed; find_first_of would look each byte up by itself.
    const auto line_end = [](std::string_view text) {
        const auto newline = text.find('\n');
        return std::min(newline, text.substr(0, newline).find('\r'));
    };
    while (true) {
        auto end = line_end(rest);
        out += "data: ";
        out += rest.substr(0, end);
        out.push_back('\n');
        if (end == std::string_view::npos) break;
        bool crlf = rest[end] == '\r' && end + 1 < rest.size() && rest[end + 1] == '\n';
        rest.remove_prefix(end + (crlf ? 2 : 1));
    }
    out.push_back('\n');
    return out;
}

Reply sse_reply(Producer producer) {
    return {200,
            "text/event-stream",
            {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
            std::move(producer)};
}

awaitable<bool> wait_for_news(StreamWriter& out, runtime::Signal& signal, std::uint64_t seen,
                              std::chrono::milliseconds interval) {
    while (!out.closed()) {
        if (co_await signal.wait(seen, interval)) co_return !out.closed();
        std::string heartbeat{k_sse_heartbeat};
        if (!co_await out.write(std::move(heartbeat))) co_return false;
    }
    co_return false;
}

}  // namespace sluice::http
