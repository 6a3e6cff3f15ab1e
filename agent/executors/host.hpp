#pragma once
/// Runs one command on the host: its own session, one pipe for both outputs, its end told by pidfd.
/// Everything happens on the thread that runs the io_context.

#include "agent/runner/spool.hpp"
#include "platform/spawn.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>

namespace sluice::agent {

/// The command dies with the thread that starts it, and does not inherit the service's protection
/// from the out-of-memory killer: where there is one, sluice-exec (if it stands beside this
/// program) goes before the command, for about 0.5 ms of CPU.
spawn::Command as_step(spawn::Command command);

/// The read end of a step's output; appends to the spool until the last writer is gone. Lives by
/// its pending read.
class OutputPipe : public std::enable_shared_from_this<OutputPipe> {
public:
    using Taken = std::function<void(std::string_view bytes)>;
    /// `taken` gets each piece, in order; `closed` once at the end.
    OutputPipe(boost::asio::io_context& io, files::Fd read_end, Taken taken,
               std::function<void()> closed);
    void read();
    bool closed() const { return closed_; }
    /// Stops reading; writers get SIGPIPE.
    void close();
    void forget_closed() { on_closed_ = nullptr; }

private:
    boost::asio::posix::stream_descriptor descriptor_;
    Taken taken_;
    std::function<void()> on_closed_;
    std::vector<char> buffer_;
    bool closed_ = false;
};

/// A running command. Ends when the process has ended *and* its output is closed, or `k_drain`
/// after the process.
class HostProcess {
public:
    static constexpr Duration k_drain{5'000};

    HostProcess(boost::asio::io_context& io, OutputPipe::Taken taken);
    ~HostProcess();
    HostProcess(const HostProcess&) = delete;
    HostProcess& operator=(const HostProcess&) = delete;

    /// `out` and `err` of the command are set here. Refused as spawn::start() is.
    Result<> start(spawn::Command command);
    /// SIGTERM to the group now, SIGKILL after `grace`; what outlives the shell in its session is
    /// killed with its end.
    void terminate(Duration grace);
    /// SIGKILL to the group now.
    void kill();

    bool ended() const { return ended_; }
    pid_t pid() const { return pid_; }
    const spawn::Exit& exit() const { return exit_; }
    /// A background process still holds the output; it is read on for as long as the pipe lives.
    bool output_left_open() const { return !output_->closed(); }
    std::shared_ptr<OutputPipe> output() const { return output_; }

private:
    void process_ended(int status);
    void settle();

    boost::asio::io_context& io_;
    OutputPipe::Taken taken_;
    std::optional<spawn::Process> process_;
    std::shared_ptr<OutputPipe> output_;
    boost::asio::steady_timer kill_timer_;
    boost::asio::steady_timer drain_timer_;
    spawn::Exit exit_;
    pid_t pid_ = 0;
    bool stopping_ = false;
    bool process_ended_ = false;
    bool ended_ = false;
};

}  // namespace sluice::agent
