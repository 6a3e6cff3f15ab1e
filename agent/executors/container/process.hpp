#pragma once
/// A step in a container, started by its keeper. Thread of the io_context.

#include "agent/executors/container/link.hpp"
#include "agent/executors/step_process.hpp"

#include <boost/asio/steady_timer.hpp>

#include <signal.h>

namespace sluice::agent {

class ContainerProcess : public StepProcess {
public:
    /// `lost` is called when the keeper goes away while the step runs.
    ContainerProcess(boost::asio::io_context& io, KeeperLink& link, std::function<void()> lost);
    ~ContainerProcess() override;

    /// Refused as spawn::start() is, or with `container_gone`.
    Result<> start(const spawn::Command& command, OutputPipe::Taken taken);

    /// On a terminal that is made in the container; its person's end.
    Result<files::Fd> start_on_terminal(const spawn::Command& command);

    void terminate(Duration grace) override { stop(SIGTERM, grace); }
    void hang_up(Duration grace) override { stop(SIGHUP, grace); }
    void kill() override;
    bool ended() const override { return ended_; }
    const spawn::Exit& exit() const override { return exit_; }
    pid_t pid() const override { return 0; }
    std::shared_ptr<OutputPipe> output() const override { return output_; }

private:
    Result<files::Fd> ask_to_start(char letter, const spawn::Command& command, int passed);
    void stop(int number, Duration grace);
    void await_end();
    void step_ended(const spawn::Exit& exit);
    void settle();
    void signal(int number);

    boost::asio::io_context& io_;
    KeeperLink& link_;
    std::function<void()> lost_;
    boost::asio::posix::stream_descriptor watched_;
    std::shared_ptr<OutputPipe> output_;
    boost::asio::steady_timer kill_timer_, drain_timer_;
    spawn::Exit exit_;
    std::string inner_pid_;  ///< as the container knows it
    bool stopping_ = false;
    bool process_ended_ = false;
    bool ended_ = false;
};

}  // namespace sluice::agent
