#include "cli/local/runner_process.hpp"

#include "cli/exit_code.hpp"
#include "cli/local/given_secrets.hpp"
#include "platform/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::cli::local {

namespace local_file = protocol::local_file;

namespace {
constexpr Duration k_salvage_patience{30'000};
}

Result<std::string> find_agent() {
    std::error_code failed;
    const files::Path beside =
        std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "sluice-agent";
    if (!failed && ::access(beside.c_str(), X_OK) == 0) return beside.string();
    const auto env = spawn::current_environment();
    const auto path = env.find("PATH");
    auto found = spawn::find_program("sluice-agent", path == env.end() ? "" : path->second);
    if (found) return found;
    return usage_error(
        "`sluice-agent` carries the jobs out; it is neither beside `sluice` nor in PATH");
}

RunnerProcess::RunnerProcess(std::string agent, files::Path dir, pid_t pid, files::Fd pidfd)
    : agent_(std::move(agent)), dir_(std::move(dir)), pid_(pid), pidfd_(std::move(pidfd)) {}

Result<std::unique_ptr<RunnerProcess>> RunnerProcess::start(const std::string& agent,
                                                            files::Path dir,
                                                            const protocol::LocalJob& job,
                                                            const protocol::SecretValues& secrets) {
    SLUICE_CHECK(files::make_dirs(dir, 0700));
    SLUICE_CHECK(files::write_new(dir / local_file::k_job, json::serialize(to_json(job)), 0600));
    SLUICE_TRY(files::Fd log, files::open(dir / "runner.log", O_WRONLY | O_CREAT | O_APPEND, 0600));
    spawn::Command command;
    command.argv = {agent, "run-job", dir.string()};
    command.env = spawn::current_environment();
    command.out = log.get();
    command.err = log.get();
    files::Fd input;
    if (job.secrets) {
        SLUICE_TRY(input, in_memory(secrets));
        command.in = input.get();
    }
    SLUICE_TRY(pid_t pid, spawn::start(command));
    files::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    return std::unique_ptr<RunnerProcess>(
        new RunnerProcess(agent, std::move(dir), pid, std::move(pidfd)));
}

RunnerProcess::~RunnerProcess() {
    if (ended_) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

bool RunnerProcess::ended() {
    if (ended_) return true;
    int status = 0;
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    ended_ = reaped == pid_ || (reaped < 0 && errno == ECHILD);
    return ended_;
}

void RunnerProcess::interrupt() {
    ++interrupts_;
    if (!ended_) ::kill(pid_, SIGTERM);
}

std::optional<protocol::FinishRequest> RunnerProcess::result() {
    auto read = read_local(dir_ / local_file::k_result, protocol::parse_finish);
    if (read) return std::move(*read);
    spawn::RunOptions options;
    options.timeout = k_salvage_patience;
    (void)spawn::run({agent_, "run-job", dir_.string(), "--salvage"}, options);
    if (interrupts_ > 1) return std::nullopt;
    read = read_local(dir_ / local_file::k_result, protocol::parse_finish);
    if (read) return std::move(*read);
    return std::nullopt;
}

std::vector<model::StepStatus> RunnerProcess::steps() const {
    auto read = read_local(dir_ / local_file::k_progress, protocol::parse_progress);
    return read ? std::move(read->steps) : std::vector<model::StepStatus>{};
}

}  // namespace sluice::cli::local
