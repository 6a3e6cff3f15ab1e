#include "cli/remote_shell.hpp"

#include "cli/json_view.hpp"
#include "cli/term/raw_mode.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/protocol/shell.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace sluice::cli {

namespace {

constexpr std::chrono::milliseconds k_again{300};
/// How long a shell is not given up when the server does not answer.
constexpr std::chrono::seconds k_outage{60};
/// A shell that has printed nothing for that long waits, or runs what prints nothing.
constexpr std::chrono::milliseconds k_silence{300};
/// Its first prompt may take longer.
constexpr std::chrono::milliseconds k_first_word{5'000};
constexpr std::string_view k_input_ended =
    "\x04"
    "exit\n";
/// Bytes of one call, and how many of a pipe are held before it.
constexpr std::size_t k_piece = 32 * 1024;
constexpr std::size_t k_ahead = 256 * 1024;

/// Signals as bytes of a pipe, which attend() waits for beside the keys. A reader of the output
/// that goes away is none: the terminal must get its settings back.
int signal_pipe[2] = {-1, -1};
void on_signal(int number) {
    const char byte = static_cast<char>(number);
    (void)!::write(signal_pipe[1], &byte, 1);
}

class Signals {
public:
    Signals() {
        (void)!::pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK);
        struct sigaction action {};
        action.sa_handler = on_signal;
        for (std::size_t i = 0; i < k_numbers.size(); ++i)
            ::sigaction(k_numbers[i], &action, &former_[i]);
        action.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &action, &former_pipe_);
    }
    ~Signals() {
        ::sigaction(SIGPIPE, &former_pipe_, nullptr);
        for (std::size_t i = 0; i < k_numbers.size(); ++i)
            ::sigaction(k_numbers[i], &former_[i], nullptr);
        for (int& fd : signal_pipe) ::close(std::exchange(fd, -1));
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// The next one that came; 0 = none.
    static int next() {
        char byte = 0;
        return ::read(signal_pipe[0], &byte, 1) == 1 ? byte : 0;
    }

private:
    static constexpr std::array<int, 4> k_numbers{SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    std::array<struct sigaction, 4> former_{};
    struct sigaction former_pipe_ {};
};

/// False when nobody takes it any more.
bool write_out(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            pollfd room{STDOUT_FILENO, POLLOUT, 0};
            (void)::poll(&room, 1, -1);
            continue;
        }
        if (n == 0 || errno != EINTR) return false;
    }
    return true;
}

bool may_pass(const Error& error) {
    return error.id == k_unreachable || error.code == Code::unavailable;
}

}  // namespace

json::Object window_of_terminal() {
    winsize size{};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return {};
    return to_json(protocol::WindowSize{size.ws_col, size.ws_row}).as_object();
}

RemoteShell::RemoteShell(Context& context, ApiClient& server, std::int64_t id)
    : context_(context),
      server_(server),
      down_(server.session()),
      up_(server.session()),
      id_(id),
      path_(fmt::format("/api/v1/shells/{}", id)) {
    (void)!::pipe2(news_, O_CLOEXEC | O_NONBLOCK);
}

RemoteShell::~RemoteShell() {
    {
        std::lock_guard lock(mutex_);
        leaving_ = true;
    }
    changed_.notify_all();
    down_.interrupt();
    up_.interrupt();
    for (std::thread* thread : {&fetcher_, &sender_})
        if (thread->joinable()) thread->join();
    for (int fd : news_) ::close(fd);
}

void RemoteShell::wake() const {
    (void)!::write(news_[1], "", 1);
}

void RemoteShell::fetch() {
    std::int64_t offset = 0;
    std::string state;
    auto last_answer = context_.clock.steady();
    const auto tell = [&](Result<End> end) {
        std::lock_guard lock(mutex_);
        end_ = std::move(end);
    };
    while (!leaving_) {
        auto news =
            down_.get(path_ + "/output",
                      {{"offset", std::to_string(offset)}, {"wait_ms", "20000"}, {"seen", state}});
        if (leaving_) return;
        if (!news && may_pass(news.error()) && context_.clock.steady() - last_answer < k_outage) {
            std::this_thread::sleep_for(k_again);
            continue;
        }
        if (!news) {
            tell(news.error());
        } else {
            last_answer = context_.clock.steady();
            const auto bytes = text::from_base64(text_of(*news, "bytes")).value_or("");
            offset = number_of(*news, "offset").value_or(offset) +
                     static_cast<std::int64_t>(bytes.size());
            if (!bytes.empty()) printed_at_ = last_answer;
            if (!write_out(bytes)) {
                unread_ = true;
                return wake();
            }
            const json::Value& shell = member(*news, "shell");
            if (std::string now = text_of(shell, "state"); now != state) say_state(state = now);
            if (state != "ended" || !bytes.empty()) continue;
            End end;
            if (const auto code = number_of(shell, "exit_code"))
                end.exit_code = static_cast<int>(*code);
            end.reason = text_of(shell, "ending");
            tell(std::move(end));
        }
        return wake();
    }
}

void RemoteShell::say_state(const std::string& state) {
    if (state == "requested")
        context_.err.line(fmt::format(
            "an admin has to let this through: sluice shell --approve {}   (Ctrl-C gives up)",
            id_));
    if (state == "waiting") context_.err.line("waiting for the agent…");
    if (state != "open") return;
    open_ = true;
    wake();
}

bool RemoteShell::finished() {
    std::lock_guard lock(mutex_);
    return end_.has_value();
}

Result<RemoteShell::End> RemoteShell::attend() {
    Signals signals;
    fetcher_ = std::thread([this] { fetch(); });
    sender_ = std::thread([this] { send(); });
    std::optional<RawMode> raw;
    while (!finished()) {
        if (open_ && !raw) {
            raw.emplace();
            if (::isatty(STDIN_FILENO) == 1) put("", true);
        }
        pollfd ready[3] = {{news_[0], POLLIN, 0},
                           {signal_pipe[0], POLLIN, 0},
                           {open_ && input_open_ && may_read() ? STDIN_FILENO : -1, POLLIN, 0}};
        const int timeout = end_input_at_ ? static_cast<int>(end_input().count()) : -1;
        if (::poll(ready, 3, timeout) < 0 && errno != EINTR) break;
        char byte = 0;
        while (::read(news_[0], &byte, 1) == 1) {
        }
        if (unread_) {
            leave();
            return End{std::nullopt, "nobody reads any more what it prints"};
        }
        bool stay = true;
        while (const int number = Signals::next()) {
            if (number == SIGWINCH)
                put("", true);
            else
                stay = false;
        }
        if (stay && (ready[2].revents & (POLLIN | POLLHUP)) != 0) stay = type();
        if (stay || finished()) continue;
        leave();
        return End{std::nullopt, "you have left it"};
    }
    std::lock_guard lock(mutex_);
    return end_ ? std::move(*end_) : Result<End>(End{});
}

bool RemoteShell::type() {
    std::array<char, k_piece> buffer;
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) {
        // A last line may lack its end.
        input_open_ = false;
        if (in_line_) put("\n", false);
        end_input_at_ = context_.clock.steady() + k_silence;
        return true;
    }
    const std::string_view keys(buffer.data(), static_cast<std::size_t>(n));
    if (::isatty(STDIN_FILENO) == 1 && has_escape(keys)) return false;
    in_line_ = keys.back() != '\n' && keys.back() != '\r';
    put(keys, false);
    return true;
}

/// `~.` at the beginning of a line, as ssh has it: for a shell that does not answer.
bool RemoteShell::has_escape(std::string_view keys) {
    for (char key : keys) {
        if (tilde_ && key == '.') return true;
        tilde_ = line_start_ && key == '~';
        line_start_ = key == '\r' || key == '\n' || key == 3 || key == 4;
    }
    return false;
}

/// What is piped in has ended: as Ctrl-D. A shell at its prompt takes it as that, and so does a
/// program that reads. While one runs that doesn't, the terminal keeps it as a null byte for the
/// shell, which then needs the word. All of this only once the shell is at what it was told last,
/// so when it is silent; and again, for what the first one did not end.
std::chrono::milliseconds RemoteShell::end_input() {
    const auto now = context_.clock.steady();
    {
        std::lock_guard lock(mutex_);
        if (!keys_.empty()) end_input_at_ = std::max(*end_input_at_, now + k_silence);
    }
    const auto printed_at = printed_at_.load();
    const auto due = printed_at == Steady{} ? *end_input_at_ + k_first_word
                                            : std::max(*end_input_at_, printed_at + k_silence);
    if (now < due) return std::chrono::ceil<std::chrono::milliseconds>(due - now);
    put(k_input_ended, false);
    end_input_at_ = now + end_pause_;
    end_pause_ *= 2;  // the shell of a program that never ends is idle at last
    return k_silence;
}

void RemoteShell::put(std::string_view keys, bool window) {
    {
        std::lock_guard lock(mutex_);
        keys_ += keys;
        window_due_ |= window;
    }
    changed_.notify_all();
}

bool RemoteShell::may_read() {
    // Keys of a person are always looked at: they may be the wish to leave.
    if (::isatty(STDIN_FILENO) == 1) return true;
    std::lock_guard lock(mutex_);
    return keys_.size() < k_ahead;
}

void RemoteShell::send() {
    std::int64_t typed = 0;
    std::optional<std::chrono::steady_clock::time_point> failing_since;
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return leaving_ || !keys_.empty() || window_due_; });
        if (leaving_) return;
        const std::string piece = keys_.substr(0, k_piece);
        const bool window = std::exchange(window_due_, false);
        lock.unlock();
        json::Object body{{"offset", typed}, {"bytes", text::to_base64(piece)}};
        if (window)
            for (const auto& [name, value] : window_of_terminal()) body[name] = value;
        const auto asked_at = context_.clock.steady();
        auto taken = up_.post(path_ + "/input", body);
        lock.lock();
        if (!taken) {
            if (!failing_since) failing_since = asked_at;
            // Whatever else went wrong: fetch() hears of it, too.
            if (!may_pass(taken.error()) || context_.clock.steady() - *failing_since > k_outage)
                return;
            window_due_ |= window;
            changed_.wait_for(lock, k_again, [this] { return leaving_.load(); });
            continue;
        }
        failing_since.reset();
        const std::int64_t end = typed + static_cast<std::int64_t>(piece.size());
        const std::int64_t now = number_of(*taken, "offset").value_or(end);
        if (now < typed || now > end) return;
        keys_.erase(0, static_cast<std::size_t>(now - typed));
        typed = now;
        wake();  // a pipe may be read on
    }
}

void RemoteShell::leave() {
    (void)server_.post(path_ + "/close", json::Object{});
}

}  // namespace sluice::cli
