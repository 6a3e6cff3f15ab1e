#pragma once
/// Server-sent events as browsers read them (HTML standard, "event stream"), fed in pieces of any
/// size. One thread.

#include <functional>
#include <string>
#include <string_view>

namespace sluice::cli {

struct SseEvent {
    std::string type;  ///< `message` when the server named none
    std::string data;  ///< lines joined by \n
    std::string id;    ///< last id seen so far
};

class SseParser {
public:
    /// `on_event` returns false to stop; feed() then returns false and drops the rest.
    using OnEvent = std::function<bool(const SseEvent&)>;
    explicit SseParser(OnEvent on_event) : on_event_(std::move(on_event)) {}

    bool feed(std::string_view bytes);
    /// For Last-Event-ID at the next connection.
    const std::string& last_id() const { return event_.id; }
    /// Forgets a half-received event (the connection broke), keeps the id.
    void reset();

private:
    bool take_line(std::string_view line);

    OnEvent on_event_;
    std::string line_;
    bool after_cr_ = false;
    bool has_data_ = false;
    SseEvent event_;
    /// An id counts only once its event is complete: else a reconnect would skip the half that was
    /// lost.
    std::string pending_id_;
};

}  // namespace sluice::cli
