#pragma once
/// A shell on an agent, seen from the person's terminal: keys go up, what it prints comes down, by
/// calls of the REST API (docs/decisions/0026).

#include "cli/context.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::cli {

/// One conversation. attend() on the caller's thread, which reads standard input and never waits
/// for the server; one more thread fetches what was printed, another one sends what was typed.
class RemoteShell {
public:
    RemoteShell(Context& context, ApiClient& server, std::int64_t id);
    ~RemoteShell();
    RemoteShell(const RemoteShell&) = delete;
    RemoteShell& operator=(const RemoteShell&) = delete;

    struct End {
        std::optional<int> exit_code;  ///< of the shell
        std::string reason;            ///< where it did not end by itself
    };
    /// Until the shell has ended, or the person has left it.
    Result<End> attend();

private:
    void fetch();
    void say_state(const std::string& state);
    /// False when the person wants to leave.
    bool type();
    bool has_escape(std::string_view keys);
    /// Tells the shell that nothing more comes, when it is time; how long to wait then.
    std::chrono::milliseconds end_input();
    /// Puts keys, or that the window has another size, before send().
    void put(std::string_view keys, bool window);
    /// A pipe may be long: it waits until the shell has taken what came before.
    bool may_read();
    void send();
    void leave();
    bool finished();
    void wake() const;

    Context& context_;
    ApiClient& server_;
    ApiClient down_, up_;
    std::int64_t id_;
    std::string path_;
    using Steady = std::chrono::steady_clock::time_point;
    bool input_open_ = true, in_line_ = false;
    std::optional<Steady> end_input_at_;  ///< not before, once it has ended
    std::chrono::milliseconds end_pause_{1'000};
    std::atomic<Steady> printed_at_{};
    bool line_start_ = true, tilde_ = false;
    std::atomic<bool> open_{false}, leaving_{false};
    std::atomic<bool> unread_{false};  ///< nobody takes what it prints any more
    std::mutex mutex_;                 ///< guards the next four
    std::condition_variable changed_;
    std::optional<Result<End>> end_;
    std::string keys_;  ///< typed, and not yet taken by the server
    bool window_due_ = false;
    int news_[2] = {-1, -1};  ///< pipe: a thread has something for attend()
    std::thread fetcher_, sender_;
};

/// Columns and rows of this terminal as members of a body.
json::Object window_of_terminal();

}  // namespace sluice::cli
