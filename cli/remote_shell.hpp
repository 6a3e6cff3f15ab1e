#pragma once
/// A shell on an agent, seen from the person's terminal: keys go up, what it prints comes down, by
/// calls of the REST API (docs/decisions/0026).

#include "cli/context.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace sluice::cli {

/// One conversation. attend() on the caller's thread, which reads standard input; one more thread
/// fetches what was printed.
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
    void send(std::string_view keys, bool window);
    void leave();
    bool finished();

    Context& context_;
    ApiClient& server_;
    ApiClient down_;
    std::int64_t id_;
    std::string path_;
    std::int64_t typed_ = 0;
    bool input_open_ = true;
    bool line_start_ = true, tilde_ = false;
    std::atomic<bool> open_{false}, leaving_{false};
    std::mutex mutex_;
    std::optional<Result<End>> end_;  ///< guarded by mutex_
    int news_[2] = {-1, -1};          ///< pipe: `fetch` has something for attend()
    std::thread thread_;
};

/// Columns and rows of this terminal as members of a body.
json::Object window_of_terminal();

}  // namespace sluice::cli
