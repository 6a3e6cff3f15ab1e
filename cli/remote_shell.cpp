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

#include <array>
#include <cerrno>
#include <utility>

namespace sluice::cli {

namespace {

constexpr std::chrono::milliseconds k_again{300};
/// How long a shell is not given up when the server does not answer.
constexpr std::chrono::seconds k_outage{60};

/// Signals as bytes of a pipe, which attend() waits for beside the keys.
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
    }
    ~Signals() {
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
};

void write_out(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (n > 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR)
            return;
    }
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
      id_(id),
      path_(fmt::format("/api/v1/shells/{}", id)) {
    (void)!::pipe2(news_, O_CLOEXEC | O_NONBLOCK);
}

RemoteShell::~RemoteShell() {
    leaving_ = true;
    down_.interrupt();
    if (thread_.joinable()) thread_.join();
    for (int fd : news_) ::close(fd);
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
            write_out(bytes);
            const json::Value& shell = member(*news, "shell");
            if (std::string now = text_of(shell, "state"); now != state) say_state(state = now);
            if (state != "ended" || !bytes.empty()) continue;
            End end;
            if (const auto code = number_of(shell, "exit_code"))
                end.exit_code = static_cast<int>(*code);
            end.reason = text_of(shell, "ending");
            tell(std::move(end));
        }
        (void)!::write(news_[1], "", 1);
        return;
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
    (void)!::write(news_[1], "", 1);
}

bool RemoteShell::finished() {
    std::lock_guard lock(mutex_);
    return end_.has_value();
}

Result<RemoteShell::End> RemoteShell::attend() {
    Signals signals;
    thread_ = std::thread([this] { fetch(); });
    std::optional<RawMode> raw;
    while (!finished()) {
        if (open_ && !raw) {
            raw.emplace();
            if (::isatty(STDIN_FILENO) == 1) send("", true);
        }
        pollfd ready[3] = {{news_[0], POLLIN, 0},
                           {signal_pipe[0], POLLIN, 0},
                           {open_ && input_open_ ? STDIN_FILENO : -1, POLLIN, 0}};
        if (::poll(ready, 3, -1) < 0 && errno != EINTR) break;
        char byte = 0;
        while (::read(news_[0], &byte, 1) == 1) {
        }
        bool stay = true;
        while (const int number = Signals::next()) {
            if (number == SIGWINCH)
                send("", true);
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
    std::array<char, 32 * 1024> buffer;
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) {
        // What is piped in has ended: as Ctrl-D.
        input_open_ = false;
        send("\x04", false);
        return true;
    }
    const std::string_view keys(buffer.data(), static_cast<std::size_t>(n));
    if (::isatty(STDIN_FILENO) == 1 && has_escape(keys)) return false;
    send(keys, false);
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

void RemoteShell::send(std::string_view keys, bool window) {
    const std::int64_t end = typed_ + static_cast<std::int64_t>(keys.size());
    const auto begun = context_.clock.steady();
    while (!finished()) {
        json::Object body{{"offset", typed_}, {"bytes", text::to_base64(keys)}};
        if (window)
            for (const auto& [name, value] : window_of_terminal()) body[name] = value;
        auto taken = server_.post(path_ + "/input", body);
        // Whatever else went wrong: fetch() hears of it, too.
        if (!taken && !may_pass(taken.error())) return;
        if (!taken) {
            if (context_.clock.steady() - begun > k_outage) return;
            std::this_thread::sleep_for(k_again);
            continue;
        }
        const std::int64_t now = number_of(*taken, "offset").value_or(end);
        if (now < typed_ || now > end) return;
        keys.remove_prefix(static_cast<std::size_t>(now - typed_));
        typed_ = now;
        if (keys.empty()) return;
    }
}

void RemoteShell::leave() {
    (void)server_.post(path_ + "/close", json::Object{});
}

}  // namespace sluice::cli
