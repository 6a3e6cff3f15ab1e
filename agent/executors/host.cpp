#include "agent/executors/host.hpp"

#include "agent/runner/process_tree.hpp"

#include <boost/asio/buffer.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace sluice::agent {

namespace {
constexpr int k_pipe_bytes = 1 << 20;
constexpr std::size_t k_buffer_bytes = 256 << 10;
/// A service that is protected from the out-of-memory killer has a negative score, which steps must
/// not inherit. It is set before the runner starts and never changes.
bool is_protected() {
    static const bool negative = [] {
        Result<std::string> score = files::read_file("/proc/self/oom_score_adj");
        return score && score->starts_with('-');
    }();
    return negative;
}

/// sluice-exec beside this program; "" when it is not installed.
const std::string& helper() {
    static const std::string path = [] {
        std::error_code failed;
        files::Path found =
            std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "sluice-exec";
        return !failed && ::access(found.c_str(), X_OK) == 0 ? found.string() : std::string();
    }();
    return path;
}

}  // namespace

spawn::Command as_step(spawn::Command command) {
    command.dies_with_us = true;
    if (!is_protected()) return command;
    // The helper would start whatever is there: what cannot be executed must stay spawn's error
    // with its errno.
    if (helper().empty() || command.argv.empty() || ::access(command.argv[0].c_str(), X_OK) != 0)
        return command;
    std::vector<std::string> argv{helper(),          "--parent", std::to_string(::getpid()),
                                  "--oom-score-adj", "0",        "--"};
    argv.insert(argv.end(), command.argv.begin(), command.argv.end());
    command.argv = std::move(argv);
    return command;
}

OutputPipe::OutputPipe(boost::asio::io_context& io, files::Fd read_end, Taken taken,
                       std::function<void()> closed)
    : descriptor_(io, read_end.release()),
      taken_(std::move(taken)),
      on_closed_(std::move(closed)) {}

void OutputPipe::read() {
    // Most steps print little: the big buffer comes with the first full read.
    if (buffer_.empty()) buffer_.resize(16 << 10);
    descriptor_.async_read_some(
        boost::asio::buffer(buffer_),
        [self = shared_from_this()](boost::system::error_code failed, std::size_t n) {
            if (n > 0) self->taken_(std::string_view(self->buffer_.data(), n));
            if (failed) {
                self->closed_ = true;
                if (auto closed = std::move(self->on_closed_)) closed();
                return;
            }
            if (n == self->buffer_.size() && n < k_buffer_bytes)
                self->buffer_.resize(k_buffer_bytes);
            self->read();
        });
}

void OutputPipe::close() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

HostProcess::HostProcess(boost::asio::io_context& io, OutputPipe::Taken taken)
    : io_(io), taken_(std::move(taken)), kill_timer_(io), drain_timer_(io) {}

HostProcess::~HostProcess() {
    if (output_) output_->forget_closed();
}

Result<> HostProcess::start(spawn::Command command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return files::errno_error(errno, "pipe");
    files::Fd read_end(ends[0]), write_end(ends[1]);
    // A refused size (pipe-user-pages-soft) only makes the pipe smaller.
    ::fcntl(write_end.get(), F_SETPIPE_SZ, k_pipe_bytes);
    command.out = write_end.get();
    command.err = write_end.get();
    SLUICE_TRY(spawn::Process process, spawn::launch(io_.get_executor(), command));
    pid_ = process.id();
    process_.emplace(std::move(process));
    output_ = std::make_shared<OutputPipe>(io_, std::move(read_end), taken_, [this] { settle(); });
    output_->read();
    process_->async_wait(
        [this](boost::system::error_code, int) { process_ended(process_->native_exit_code()); });
    return {};
}

void HostProcess::terminate(Duration grace) {
    if (process_ended_ || pid_ == 0) return;
    stopping_ = true;
    spawn::kill_group(pid_, SIGTERM);
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
    if (output_->closed()) return settle();
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
