#include "agent/executors/container/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace sluice::agent {

namespace {
/// The frame is there; only its rest may be on the way.
constexpr Duration k_frame_rest{5'000};
}  // namespace

ContainerProcess::ContainerProcess(boost::asio::io_context& io, KeeperLink& link,
                                   std::function<void()> lost)
    : io_(io),
      link_(link),
      lost_(std::move(lost)),
      watched_(io),
      kill_timer_(io),
      drain_timer_(io) {}

ContainerProcess::~ContainerProcess() {
    if (output_) output_->forget_closed();
}

Result<> ContainerProcess::start(const spawn::Command& command, OutputPipe::Taken taken) {
    SLUICE_TRY(OutputEnds pipe, make_output_pipe());
    SLUICE_CHECK(ask_to_start('R', command, pipe.write.get()));
    pipe.write.reset();
    output_ = std::make_shared<OutputPipe>(io_, std::move(pipe.read), std::move(taken),
                                           [this] { settle(); });
    output_->read();
    return {};
}

Result<files::Fd> ContainerProcess::start_on_terminal(const spawn::Command& command) {
    SLUICE_TRY(files::Fd terminal, ask_to_start('T', command, -1));
    if (!terminal)
        return error(Code::internal, "container_answer", "the container gave no terminal");
    ::fcntl(terminal.get(), F_SETFL, O_NONBLOCK);
    return terminal;
}

Result<files::Fd> ContainerProcess::ask_to_start(char letter, const spawn::Command& command,
                                                 int passed) {
    std::vector<std::string> texts{command.directory.string(), std::to_string(command.argv.size())};
    texts.insert(texts.end(), command.argv.begin(), command.argv.end());
    for (const auto& [name, value] : command.env) texts.push_back(name + "=" + value);
    SLUICE_TRY(Frame answer, link_.ask(letter, texts, passed));
    if (answer.letter == 'N' && answer.texts.size() == 2)
        return error(std::atoi(answer.texts[0].c_str()) == ENOENT ? Code::not_found : Code::io,
                     "spawn_failed", command.argv[0] + ": " + answer.texts[1]);
    if (answer.letter != 'P' || answer.texts.size() != 1)
        return error(Code::internal, "container_answer", "the container answered nonsense");
    inner_pid_ = answer.texts[0];
    // A copy: the link stays when this step is over.
    watched_.assign(::fcntl(link_.descriptor(), F_DUPFD_CLOEXEC, 3));
    await_end();
    return std::move(answer.passed);
}

void ContainerProcess::await_end() {
    watched_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                        [this](boost::system::error_code cancelled) {
                            if (cancelled) return;
                            Result<Frame> frame = link_.receive(k_frame_rest);
                            if (!frame) {
                                // The container is gone and the step with it, and with lost_()
                                // the link: nobody is left to be told to stop.
                                stopping_ = false;
                                lost_();
                                return step_ended({std::nullopt, SIGKILL});
                            }
                            if (frame->letter != 'E' || frame->texts.size() != 2)
                                return await_end();
                            step_ended(spawn::exit_from_status(std::atoi(frame->texts[1].c_str())));
                        });
}

void ContainerProcess::signal(int number) {
    (void)link_.send('K', {inner_pid_, std::to_string(number)});
}

void ContainerProcess::stop(int number, Duration grace) {
    if (process_ended_ || inner_pid_.empty()) return;
    stopping_ = true;
    signal(number);
    kill_timer_.expires_after(grace);
    kill_timer_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) kill();
    });
}

void ContainerProcess::kill() {
    stopping_ = true;
    if (!inner_pid_.empty() && !process_ended_) signal(SIGKILL);
}

void ContainerProcess::step_ended(const spawn::Exit& exit) {
    process_ended_ = true;
    exit_ = exit;
    kill_timer_.cancel();
    boost::system::error_code ignored;
    watched_.close(ignored);
    if (stopping_) (void)link_.send('S', {inner_pid_});
    if (!output_ || output_->closed()) return settle();
    drain_timer_.expires_after(k_drain);
    drain_timer_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) ended_ = true;
    });
}

void ContainerProcess::settle() {
    if (!process_ended_) return;
    drain_timer_.cancel();
    ended_ = true;
}

}  // namespace sluice::agent
