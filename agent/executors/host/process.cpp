#include "agent/executors/host/process.hpp"

#include "agent/runner/process_tree.hpp"

#include <signal.h>
#include <unistd.h>

namespace sluice::agent {

namespace {
/// A service that is protected from the out-of-memory killer has a negative score, which steps must
/// not inherit. It is set before the runner starts and never changes.
bool is_protected() {
    static const bool negative = [] {
        Result<std::string> score = files::read_file("/proc/self/oom_score_adj");
        return score && score->starts_with('-');
    }();
    return negative;
}
}  // namespace

const std::string& helper_program() {
    static const std::string path = [] {
        std::error_code failed;
        files::Path found =
            std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "sluice-exec";
        return !failed && ::access(found.c_str(), X_OK) == 0 ? found.string() : std::string();
    }();
    return path;
}

spawn::Command as_step(spawn::Command command, const std::vector<files::Path>& doors) {
    command.dies_with_us = true;
    if (!is_protected() && doors.empty()) return command;
    // The helper would start whatever is there: what cannot be executed must stay spawn's error
    // with its errno.
    if (helper_program().empty() || command.argv.empty() ||
        ::access(command.argv[0].c_str(), X_OK) != 0)
        return command;
    std::vector<std::string> argv{helper_program(), "--parent", std::to_string(::getpid())};
    if (is_protected()) argv.insert(argv.end(), {"--oom-score-adj", "0"});
    for (const files::Path& door : doors) argv.insert(argv.end(), {"--cgroup", door.string()});
    argv.push_back("--");
    argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    command.argv = std::move(argv);
    return command;
}

HostProcess::HostProcess(boost::asio::io_context& io, OutputPipe::Taken taken)
    : io_(io), taken_(std::move(taken)), kill_timer_(io), drain_timer_(io) {}

HostProcess::~HostProcess() {
    if (output_) output_->forget_closed();
}

Result<> HostProcess::start(spawn::Command command) {
    SLUICE_TRY(OutputEnds pipe, make_output_pipe());
    command.out = pipe.write.get();
    command.err = pipe.write.get();
    SLUICE_CHECK(launch(command));
    output_ = std::make_shared<OutputPipe>(io_, std::move(pipe.read), taken_, [this] { settle(); });
    output_->read();
    return {};
}

Result<> HostProcess::start_on(const files::Fd& terminal, spawn::Command command) {
    command.in = command.out = command.err = terminal.get();
    command.on_terminal = true;
    return launch(command);
}

Result<> HostProcess::launch(const spawn::Command& command) {
    SLUICE_TRY(spawn::Process process, spawn::launch(io_.get_executor(), command));
    pid_ = process.id();
    process_.emplace(std::move(process));
    process_->async_wait(
        [this](boost::system::error_code, int) { process_ended(process_->native_exit_code()); });
    return {};
}

void HostProcess::stop(int number, Duration grace) {
    if (process_ended_ || pid_ == 0) return;
    stopping_ = true;
    if (wrapped_)
        signal_session(pid_, number);
    else
        spawn::kill_group(pid_, number);
    kill_timer_.expires_after(grace);
    kill_timer_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) kill();
    });
}

void HostProcess::kill() {
    stopping_ = true;
    if (pid_ != 0 && !process_ended_) spawn::kill_group(pid_, SIGKILL);
}

void HostProcess::process_ended(int status) {
    process_ended_ = true;
    exit_ = spawn::exit_from_status(status);
    kill_timer_.cancel();
    if (stopping_) kill_session(pid_);
    if (!output_ || output_->closed()) return settle();
    drain_timer_.expires_after(k_drain);
    drain_timer_.async_wait([this](boost::system::error_code cancelled) {
        if (cancelled) return;
        ended_ = true;
    });
}

void HostProcess::settle() {
    if (!process_ended_) return;
    drain_timer_.cancel();
    ended_ = true;
}

}  // namespace sluice::agent
