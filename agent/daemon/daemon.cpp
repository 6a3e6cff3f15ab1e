#include "agent/daemon/daemon.hpp"

#include "agent/attempt_folder.hpp"
#include "agent/daemon/log_courier.hpp"
#include "agent/host_facts.hpp"
#include "agent/log.hpp"
#include "agent/notify.hpp"
#include "agent/proc.hpp"
#include "agent/resources/inventory.hpp"
#include "agent/runner/source_store.hpp"
#include "platform/failpoint.hpp"

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::agent {

namespace {

constexpr std::uint64_t k_min_free_bytes = 64 << 20;
constexpr Duration k_lock_poll{100};
constexpr Duration k_salvage_first{500};
constexpr int k_salvage_doublings = 7;  // 0.5 s … 64 s

bool is_there(const files::Path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

/// A live runner's descriptor, if DIR/runner names a process that is still that runner.
files::Fd open_runner(const files::Path& dir) {
    Result<RunnerIdentity> identity = load_identity({dir});
    if (!identity || identity->boot_id != proc::boot_id()) return files::Fd();
    files::Fd pidfd = proc::open_pid(identity->pid);
    if (!pidfd || proc::start_time(identity->pid) != identity->start_time) return files::Fd();
    return pidfd;
}

bool lock_is_held(const files::Path& dir) {
    auto lock = files::LockFile::try_acquire(AttemptFolder{dir}.lock());
    return lock && !lock->has_value();
}

}  // namespace

Daemon::Daemon(DaemonOptions options, Config config, ExecutorSettings executors)
    : options_(std::move(options)),
      config_(std::move(config)),
      slots_(options_.capacity),
      claimer_(
          config_, slots_,
          {available_executors(executors), take_inventory(options_.dir), host_facts(options_.dir)},
          {.place = [this](const protocol::ClaimedJob& job) { return place(job); },
           .ended =
               [this](Claimer::Refusal refusal, std::string message) {
                   boost::asio::post(io_, [this, refusal, message = std::move(message)] {
                       claims_ended(refusal, message);
                   });
               },
           .obstacle = [this] { return obstacle(); }}) {}

Daemon::~Daemon() = default;

files::Path Daemon::folder_of(AttemptId attempt) const {
    return options_.dir / "attempts" / std::to_string(attempt.value);
}

int Daemon::run() {
    Result<> made = files::make_dirs(options_.dir / "attempts", 0700);
    Result<files::Fd> notices = bind_notices(options_.dir);
    if (!made || !notices) {
        log::error(fmt::format("cannot use the agent's folder error=\"{}\"",
                               (made ? notices.error() : made.error()).message));
        return 1;
    }
    for (int number : {SIGTERM, SIGINT, SIGCHLD}) signals_.add(number);
    wait_for_signal();
    notices_.assign(notices->release());
    receive_notices();
    starter_.warm_up();
    adopt_folders();
    claimer_.start();
    log::info(fmt::format("agent ready name=\"{}\" server={} capacity={}", config_.name,
                          config_.server, options_.capacity));
    io_.run();
    return exit_code_;
}

std::string Daemon::obstacle() const {
    std::uint64_t free = files::free_bytes(options_.dir);
    if (free < k_min_free_bytes) {
        // What is kept to save time must not keep the agent from working.
        trim_source_store(options_.dir / "sources", 0);
        free = files::free_bytes(options_.dir);
    }
    if (free >= k_min_free_bytes) return "";
    return fmt::format("the disk of {} is full, {} MiB free", options_.dir.string(), free >> 20);
}

void Daemon::adopt_folders() {
    std::error_code failed;
    for (const auto& entry :
         std::filesystem::directory_iterator(options_.dir / "attempts", failed)) {
        std::optional<AttemptId> attempt = AttemptId::parse(entry.path().filename().string());
        if (!attempt) continue;
        // A runner that only keeps its place for people has no job any more.
        const bool kept =
            is_there(AttemptFolder{entry.path()}.kept()) && lock_is_held(entry.path());
        if (!kept) slots_.take(*attempt);
        watched_[*attempt].dir = entry.path();
        if (!lock_is_held(entry.path())) {
            log::warn(fmt::format("salvaging a dead runner attempt={}", attempt->value));
            salvage(*attempt);
            continue;
        }
        log::info(fmt::format("adopted a live runner attempt={}", attempt->value));
        files::Fd pidfd = open_runner(entry.path());
        if (pidfd)
            watch(*attempt, std::move(pidfd), RunnerMode::run);
        else
            poll_lock(*attempt);
    }
}

Result<> Daemon::place(const protocol::ClaimedJob& job) {
    files::Path dir = folder_of(job.attempt);
    slots_.take(job.attempt);
    failpoint::hit("daemon.folder", "before");
    Result<AttemptFolder> folder =
        create_folder(dir, {.server = {config_.server, config_.ca_file}, .job = job});
    failpoint::hit("daemon.folder", "after");
    Result<StartedRunner> runner =
        folder ? starter_.start(dir, RunnerMode::run) : Result<StartedRunner>(folder.error());
    failpoint::hit("daemon.runner", "after");
    if (!runner) {
        (void)files::remove_tree(dir);
        slots_.forget(job.attempt);
        return runner.error();
    }
    auto pidfd = std::make_shared<files::Fd>(std::move(runner->pidfd));
    boost::asio::post(io_, [this, attempt = job.attempt, dir, pidfd] {
        watched_[attempt].dir = dir;
        watch(attempt, std::move(*pidfd), RunnerMode::run);
    });
    return {};
}

void Daemon::watch(AttemptId attempt, files::Fd pidfd, RunnerMode mode) {
    Watched& watched = watched_[attempt];
    watched.mode = mode;
    if (!pidfd) return poll_lock(attempt);
    watched.end = std::make_unique<boost::asio::posix::stream_descriptor>(io_, pidfd.release());
    watched.end->async_wait(boost::asio::posix::descriptor_base::wait_read,
                            [this, attempt](boost::system::error_code cancelled) {
                                if (!cancelled) runner_ended(attempt);
                            });
}

void Daemon::poll_lock(AttemptId attempt) {
    Watched& watched = watched_[attempt];
    watched.retry = std::make_unique<boost::asio::steady_timer>(io_, k_lock_poll);
    watched.retry->async_wait([this, attempt](boost::system::error_code cancelled) {
        if (cancelled) return;
        if (lock_is_held(watched_[attempt].dir)) return poll_lock(attempt);
        runner_ended(attempt);
    });
}

void Daemon::runner_ended(AttemptId attempt) {
    auto found = watched_.find(attempt);
    if (found == watched_.end()) return;
    found->second.end.reset();
    if (!is_there(found->second.dir)) return drop(attempt);
    // Two runners on one folder (a zygote that forked and then died): the one without the lock has
    // ended.
    if (lock_is_held(found->second.dir)) return poll_lock(attempt);
    if (found->second.mode == RunnerMode::salvage) return salvage_later(attempt);
    log::warn(fmt::format("runner died, salvaging attempt={}", attempt.value));
    slots_.take(attempt);
    salvage(attempt);
}

void Daemon::salvage(AttemptId attempt) {
    Watched& watched = watched_[attempt];
    Result<StartedRunner> started = starter_.start(watched.dir, RunnerMode::salvage);
    if (started) return watch(attempt, std::move(started->pidfd), RunnerMode::salvage);
    log::error(fmt::format("cannot start salvage attempt={} error=\"{}\"", attempt.value,
                           started.error().message));
    salvage_later(attempt);
}

void Daemon::salvage_later(AttemptId attempt) {
    Watched& watched = watched_[attempt];
    watched.mode = RunnerMode::salvage;
    Duration wait = k_salvage_first * (1 << std::min(watched.tries++, k_salvage_doublings));
    watched.retry = std::make_unique<boost::asio::steady_timer>(io_, wait);
    watched.retry->async_wait([this, attempt](boost::system::error_code cancelled) {
        if (!cancelled) salvage(attempt);
    });
}

void Daemon::drop(AttemptId attempt) {
    watched_.erase(attempt);
    slots_.forget(attempt);
    leave_if_drained();
}

void Daemon::receive_notices() {
    notices_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this](boost::system::error_code cancelled) {
            if (cancelled) return;
            while (std::optional<AttemptId> attempt = receive_notice(notices_.native_handle())) {
                if (is_there(AttemptFolder{folder_of(*attempt)}.kept()))
                    slots_.forget(*attempt);
                else
                    slots_.free(*attempt);
            }
            leave_if_drained();
            receive_notices();
        });
}

void Daemon::wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code cancelled, int number) {
        if (cancelled) return;
        on_signal(number);
        wait_for_signal();
    });
}

void Daemon::on_signal(int number) {
    if (number == SIGCHLD) {
        // The zygote, and runners that were executed without it; their ends are told by pidfd.
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        return;
    }
    if (draining_) {
        log::info("second signal, leaving at once; runners go on and the next daemon adopts them");
        return io_.stop();
    }
    draining_ = true;
    log::info(fmt::format("draining jobs={}", watched_.size()));
    claimer_.drain();
}

void Daemon::claims_ended(Claimer::Refusal refusal, const std::string& message) {
    claiming_ = false;
    if (refusal == Claimer::Refusal::none) return leave_if_drained();
    exit_code_ = static_cast<int>(refusal);
    switch (refusal) {
        case Claimer::Refusal::none: break;
        case Claimer::Refusal::superseded:
            log::error(
                "another daemon has taken over this agent's identity; is this a copy of its "
                "folder? leaving");
            break;
        case Claimer::Refusal::unauthorized:
            log::error(fmt::format("the server refuses this agent, enrol it again message=\"{}\"",
                                   message));
            break;
        case Claimer::Refusal::upgrade_required:
            log::error(fmt::format("this agent is too old for the server message=\"{}\"", message));
            break;
    }
    io_.stop();
}

void Daemon::leave_if_drained() {
    if (draining_ && !claiming_ && slots_.empty()) {
        log::info("drained");
        io_.stop();
    }
}

int run_daemon(const DaemonOptions& options) {
    log::set_name("daemon");
    ::prctl(PR_SET_DUMPABLE, 0);
    ::mallopt(M_ARENA_MAX, 2);
    ::signal(SIGPIPE, SIG_IGN);
    Result<Config> config = load_config(options.dir);
    if (!config) {
        log::error(config.error().message);
        return 2;
    }
    auto lock = files::LockFile::try_acquire(options.dir / "lock");
    if (!lock || !lock->has_value()) {
        log::error(lock
                       ? fmt::format(
                             "another sluice-agent runs on {}; stop it first, or use another --dir",
                             options.dir.string())
                       : lock.error().message);
        return 3;
    }
    Result<ExecutorSettings> executors = load_executor_settings(options.dir);
    if (!executors) {
        log::error(executors.error().message);
        return 2;
    }
    LogCourier courier(*config);
    if (::geteuid() == 0 && !executors->host.users)
        log::warn(
            "jobs on the host run as root and can read all of this machine; `host.users` in "
            "executors.json gives them users of their own");
    Daemon daemon(options, std::move(*config), std::move(*executors));
    return daemon.run();
}

}  // namespace sluice::agent
