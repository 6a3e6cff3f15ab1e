#include "agent/runner/local_sink.hpp"

#include "agent/log.hpp"
#include "pipelines/protocol/local_run.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::agent {

namespace {

sigset_t stop_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    ::sigaddset(&set, SIGTERM);
    return set;
}

/// Readers see the old or the new; a file that cannot be written costs a line on the screen only.
void publish(const files::Path& path, const json::Value& value, int mode = 0600) {
    if (Result<> written = files::write_atomic(path, json::serialize(value), mode, false); !written)
        log::warn(fmt::format("cannot write path={} error=\"{}\"", path.string(),
                              written.error().message));
}

}  // namespace

void hold_stop_signals() {
    sigset_t set = stop_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<std::unique_ptr<LocalSink>> LocalSink::open(files::Path dir, const Spool& spool,
                                                   bool keep_commands) {
    sigset_t set = stop_signals();
    files::Fd signals(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!signals) return files::errno_error(errno, "signalfd");
    files::Fd wake(::eventfd(0, EFD_CLOEXEC));
    if (!wake) return files::errno_error(errno, "eventfd");
    return std::unique_ptr<LocalSink>(
        new LocalSink(std::move(dir), spool, keep_commands, std::move(signals), std::move(wake)));
}

LocalSink::LocalSink(files::Path dir, const Spool& spool, bool keep_commands, files::Fd signals,
                     files::Fd wake)
    : dir_(std::move(dir)),
      spool_(spool),
      keep_commands_(keep_commands),
      signals_(std::move(signals)),
      wake_(std::move(wake)) {}

LocalSink::~LocalSink() {
    ::eventfd_write(wake_.get(), 1);
    if (thread_.joinable()) thread_.join();
}

void LocalSink::begin(SinkEvents events) {
    events_ = std::move(events);
    events_.started({});
    thread_ = std::thread([this] { wait_for_signals(); });
}

void LocalSink::wait_for_signals() {
    pollfd watched[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    for (int seen = 0;;) {
        if (::poll(watched, 2, -1) < 0 && errno != EINTR) return;
        if (watched[1].revents != 0) return;
        if (watched[0].revents == 0) continue;
        signalfd_siginfo info{};
        if (::read(signals_.get(), &info, sizeof info) != sizeof info) continue;
        // The second asks for the end at once: no grace, no `when: always` steps, no result.
        events_.stop(++seen == 1 ? StopReason::cancelled : StopReason::lease_lost, "interrupted");
    }
}

void LocalSink::progress(const std::vector<model::StepStatus>& steps) {
    publish(dir_ / protocol::local_file::k_progress, to_json(protocol::ProgressRequest{steps}));
}

void LocalSink::step_command(std::size_t step, const spawn::Command& command) {
    if (!keep_commands_) return;
    publish(dir_ / protocol::local_file::command(step),
            to_json(protocol::LocalCommand{command.argv, command.env, command.directory.string()}));
}

Result<> LocalSink::finish(protocol::FinishRequest request,
                           const std::function<void()>& /*durable*/) {
    std::tie(request.log_size, request.log_crc32c) = spool_.size_and_crc();
    return files::write_atomic(dir_ / protocol::local_file::k_result,
                               json::serialize(to_json(request)), 0600, false);
}

}  // namespace sluice::agent
