#include "agent/runner/shell_session.hpp"

#include "agent/backoff.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

namespace sluice::agent {

namespace {

constexpr Duration k_input_poll{20'000};
/// Milliseconds between two looks whether a shell is still wanted that takes no input.
constexpr int k_full_poll = 2'000;
/// How long a shell outlives the last answer of the server.
constexpr Duration k_outage{60'000};
constexpr const char* k_unreachable = "the server could not be reached";

}  // namespace

void resize_terminal(const files::Fd& terminal, const protocol::WindowSize& window) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(window.columns);
    size.ws_row = static_cast<unsigned short>(window.rows);
    (void)::ioctl(terminal.get(), TIOCSWINSZ, &size);
}

ShellSession::ShellSession(ShellLine line, const files::Fd& terminal,
                           std::function<void(std::string)> hang_up)
    : line_(std::move(line)),
      terminal_(terminal),
      hang_up_(std::move(hang_up)),
      up_(line_.server, line_.attempt, line_.lease_token),
      down_(line_.server, line_.attempt, line_.lease_token),
      woken_(::eventfd(0, EFD_CLOEXEC)),
      active_at_(Clock::now().time_since_epoch().count()) {
    output_ = std::thread([this] { send_output(); });
    input_ = std::thread([this] { take_input(); });
}

ShellSession::~ShellSession() {
    stop();
}

void ShellSession::stop() {
    ended_ = true;
    const std::uint64_t one = 1;
    (void)!::write(woken_.get(), &one, sizeof one);
    down_.interrupt();
    if (input_.joinable()) input_.join();
    if (output_.joinable()) output_.join();
}

void ShellSession::refuse(const ShellLine& line, const std::string& why) {
    AttemptApi api(line.server, line.attempt, line.lease_token);
    (void)api.shell_output(line.shell, {.offset = 0, .bytes = "", .ended = true, .reason = why});
}

Duration ShellSession::idle() const {
    const Clock::time_point at{Clock::duration{active_at_.load()}};
    return std::chrono::duration_cast<Duration>(Clock::now() - at);
}

void ShellSession::send_output() {
    std::array<char, protocol::k_shell_piece_max> buffer;
    while (!over_) {
        pollfd ready[2] = {{terminal_.get(), POLLIN, 0}, {woken_.get(), POLLIN, 0}};
        if (::poll(ready, 2, -1) < 0 && errno != EINTR) return;
        const ssize_t n = ::read(terminal_.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        // EIO: the last program at the terminal has ended. Then its exit is about to be told.
        if (n <= 0 && ended_) return;
        if (n < 0 && errno != EAGAIN) {
            pollfd end{woken_.get(), POLLIN, 0};
            (void)::poll(&end, 1, -1);
            return;
        }
        if (n <= 0) continue;
        active_at_ = Clock::now().time_since_epoch().count();
        if (!send({.offset = sent_, .bytes = {buffer.data(), static_cast<std::size_t>(n)}})) return;
    }
}

/// Until all of it was taken; false when the shell is over.
bool ShellSession::send(protocol::ShellOutput piece) {
    Backoff backoff;
    auto last_answer = Clock::now();
    const std::int64_t end = piece.offset + static_cast<std::int64_t>(piece.bytes.size());
    while (true) {
        auto taken = up_.shell_output(line_.shell, piece);
        if (taken) {
            last_answer = Clock::now();
            if (taken->offset < piece.offset || taken->offset > end) break;
            piece.bytes.erase(0, static_cast<std::size_t>(taken->offset - piece.offset));
            piece.offset = sent_ = taken->offset;
            if (piece.bytes.empty()) return true;
            continue;
        }
        if (!is_transient(taken.error())) break;
        if (Clock::now() - last_answer > k_outage) {
            over_ = true;
            hang_up_(k_unreachable);
            return false;
        }
        std::this_thread::sleep_for(backoff.next());
    }
    over_ = true;
    hang_up_("");
    return false;
}

void ShellSession::take_input() {
    Backoff backoff;
    protocol::WindowSize window;
    std::int64_t typed = 0;
    auto last_answer = Clock::now();
    while (!ended_ && !over_) {
        auto input = down_.shell_input(line_.shell, {typed, k_input_poll});
        if (ended_) return;
        if (!input && is_transient(input.error()) && Clock::now() - last_answer < k_outage) {
            std::this_thread::sleep_for(backoff.next());
            continue;
        }
        if (!input) {
            over_ = true;
            return hang_up_(is_transient(input.error()) ? k_unreachable : "");
        }
        backoff.reset();
        last_answer = Clock::now();
        if (input->window != window) resize_terminal(terminal_, window = input->window);
        if (input->offset != typed || input->bytes.empty()) continue;
        active_at_ = Clock::now().time_since_epoch().count();
        if (!type(input->bytes, typed, window)) return;
        typed += static_cast<std::int64_t>(input->bytes.size());
    }
}

bool ShellSession::type(std::string_view bytes, std::int64_t typed, protocol::WindowSize& window) {
    while (!bytes.empty() && !ended_) {
        const ssize_t n = ::write(terminal_.get(), bytes.data(), bytes.size());
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
        pollfd ready[2] = {{terminal_.get(), POLLOUT, 0}, {woken_.get(), POLLIN, 0}};
        if (::poll(ready, 2, k_full_poll) != 0) continue;
        // The program takes nothing and prints nothing: only asking tells that the person has left.
        auto input = down_.shell_input(line_.shell, {typed, Duration{0}});
        if (!input && !is_transient(input.error())) {
            over_ = true;
            hang_up_("");
            return false;
        }
        if (input && input->window != window) resize_terminal(terminal_, window = input->window);
    }
    return true;
}

void ShellSession::finish(const spawn::Exit& exit, const std::string& reason) {
    stop();
    if (over_) return;
    const int code = exit.code ? *exit.code : 128 + exit.signal.value_or(0);
    (void)send({.offset = sent_, .bytes = "", .ended = true, .exit_code = code, .reason = reason});
}

}  // namespace sluice::agent
