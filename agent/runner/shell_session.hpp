#pragma once
/// Carries one shell between its terminal and the server: what the terminal prints goes up, what
/// the person types comes down, each on a thread of its own. Both are streams with offsets, so a
/// broken connection loses and doubles nothing.

#include "agent/server_api.hpp"
#include "platform/spawn.hpp"

#include <atomic>
#include <functional>
#include <thread>

namespace sluice::agent {

/// Which shell of which attempt.
struct ShellLine {
    ServerAddress server;
    AttemptId attempt;
    std::string lease_token;
    std::int64_t shell = 0;
};

/// The kernel tells the terminal's programs.
void resize_terminal(const files::Fd& terminal, const protocol::WindowSize& window);

class ShellSession {
public:
    /// `terminal` outlives the session. `hang_up` is called when the shell is to end, with why; on
    /// a thread of the session, perhaps more than once.
    ShellSession(ShellLine line, const files::Fd& terminal,
                 std::function<void(std::string why)> hang_up);
    ~ShellSession();
    ShellSession(const ShellSession&) = delete;
    ShellSession& operator=(const ShellSession&) = delete;

    /// Tells the server that no shell could be started.
    static void refuse(const ShellLine& line, const std::string& why);

    /// Since something was typed or printed.
    Duration idle() const;
    /// The program has ended: sends what it printed last, how it ended, and `reason`. Blocking, at
    /// most about a minute where the server does not answer.
    void finish(const spawn::Exit& exit, const std::string& reason);

private:
    using Clock = std::chrono::steady_clock;
    void send_output();
    bool send(protocol::ShellOutput piece);
    void take_input();
    /// False when the shell is over. `typed`: what the shell had taken before.
    bool type(std::string_view bytes, std::int64_t typed, protocol::WindowSize& window);
    void stop();

    ShellLine line_;
    const files::Fd& terminal_;
    std::function<void(std::string)> hang_up_;
    AttemptApi up_, down_;
    files::Fd woken_;  ///< readable once the program has ended
    std::atomic<bool> ended_{false};
    std::atomic<bool> over_{false};  ///< the server wants no more of it
    std::atomic<Clock::rep> active_at_;
    std::int64_t sent_ = 0;  ///< output thread, then finish()
    std::thread output_, input_;
};

}  // namespace sluice::agent
