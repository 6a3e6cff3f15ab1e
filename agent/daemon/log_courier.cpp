#include "agent/daemon/log_courier.hpp"

#include "agent/backoff.hpp"
#include "agent/log.hpp"
#include "platform/crypto.hpp"

namespace sluice::agent {

namespace {
/// Lines of a busy daemon travel together.
constexpr std::chrono::milliseconds k_batch{500};
constexpr std::chrono::milliseconds k_look_again{60'000};
}  // namespace

LogCourier::LogCourier(const Config& config)
    : api_({config.server, config.ca_file}, config.token), session_(crypto::random_token(16)) {
    log::keep_recent(protocol::k_agent_log_lines);
    thread_ = std::thread([this] { run(); });
}

LogCourier::~LogCourier() {
    stopping_ = true;
    log::wake_readers();
    thread_.join();
}

void LogCourier::run() {
    Backoff backoff(k_batch);
    // Before the first look at stopping_: it is set once, before the one wake-up.
    const auto seen = log::wakes();
    while (!stopping_) {
        log::wait_for_line(next_, k_look_again, seen);
        if (!stopping_) log::wait_for_line(INT64_MAX, k_batch, seen);
        while (!send() && !stopping_) log::wait_for_line(INT64_MAX, backoff.next(), seen);
        backoff.reset();
    }
}

/// False when it must be tried again.
bool LogCourier::send() {
    log::Recent recent = log::recent(next_);
    if (recent.lines.empty()) return true;
    const auto end = recent.first + static_cast<std::int64_t>(recent.lines.size());
    auto taken = api_.send_log({session_, recent.first, std::move(recent.lines)});
    if (!taken && is_transient(taken.error())) return false;
    // Refused for good: a server from before this call, or one that does not know us any more.
    next_ = taken ? taken->next : end;
    return !taken || next_ >= end;
}

}  // namespace sluice::agent
