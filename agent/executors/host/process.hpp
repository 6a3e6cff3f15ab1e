#pragma once
/// Runs one command on the host: its own session, one pipe for both outputs, its end told by pidfd.
/// Everything happens on the thread that runs the io_context.

#include "agent/executors/step_process.hpp"

#include <boost/asio/steady_timer.hpp>

#include <signal.h>

#include <optional>

namespace sluice::agent {

/// The command joins the control groups with these doors (OwnCgroup), dies with the thread that
/// starts it, and does not inherit the service's protection
/// from the out-of-memory killer: where there is one, sluice-exec (if it stands beside this
/// program) goes before the command, for about 0.5 ms of CPU.
spawn::Command as_step(spawn::Command command, const std::vector<files::Path>& doors = {});

/// sluice-exec beside this program; "" when it is not installed.
const std::string& helper_program();

class HostProcess : public StepProcess {
public:
    HostProcess(boost::asio::io_context& io, OutputPipe::Taken taken);
    ~HostProcess() override;

    /// `out` and `err` of the command are set here. Refused as spawn::start() is.
    Result<> start(spawn::Command command);
    /// On that terminal instead.
    Result<> start_on(const files::Fd& terminal, spawn::Command command);
    /// The process started is a wrapper that must not get SIGTERM, or it dies before the step.
    void wrapped() { wrapped_ = true; }

    void terminate(Duration grace) override { stop(SIGTERM, grace); }
    void hang_up(Duration grace) override { stop(SIGHUP, grace); }
    void kill() override;
    bool ended() const override { return ended_; }
    const spawn::Exit& exit() const override { return exit_; }
    pid_t pid() const override { return pid_; }
    std::shared_ptr<OutputPipe> output() const override { return output_; }

private:
    Result<> launch(const spawn::Command& command);
    void stop(int number, Duration grace);
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
    bool wrapped_ = false;
    bool stopping_ = false;
    bool process_ended_ = false;
    bool ended_ = false;
};

}  // namespace sluice::agent
