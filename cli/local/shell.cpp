#include "cli/local/shell.hpp"

#include "cli/context.hpp"
#include "platform/interactive_shell.hpp"
#include "platform/spawn.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::cli::local {

namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

/// Ctrl-C is for the shell meanwhile.
class QuietSignals {
public:
    QuietSignals() {
        for (std::size_t i = 0; i < 2; ++i) former_[i] = ::signal(k_signals[i], SIG_IGN);
    }
    ~QuietSignals() {
        for (std::size_t i = 0; i < 2; ++i) ::signal(k_signals[i], former_[i]);
    }
    QuietSignals(const QuietSignals&) = delete;
    QuietSignals& operator=(const QuietSignals&) = delete;

private:
    static constexpr int k_signals[] = {SIGINT, SIGQUIT};
    sighandler_t former_[2];
};

}  // namespace

Result<protocol::LocalCommand> command_of(const JobRun& job) {
    const auto step = job.telling_step();
    if (!step) return error(Code::not_found, "no_step", "no step of the job was started");
    return read_local(job.dir / protocol::local_file::command(*step),
                      protocol::parse_local_command);
}

Result<> open_shell(const protocol::LocalCommand& step, const std::string& job,
                    const std::string& history) {
    std::map<std::string, std::string> env = step.env;
    std::vector<std::string> argv = spawn::interactive_shell(
        env, {.job = job, .history = history, .term = environment("TERM").value_or("dumb")},
        [&](const std::string& program) { return spawn::find_program(program, env["PATH"]); });
    std::vector<std::string> assignments;
    for (const auto& [name, value] : env) assignments.push_back(name + "=" + value);

    // Not platform/spawn: its sessions of their own have no terminal.
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addchdir_np(&actions, step.directory.c_str());
    ::posix_spawnattr_init(&attributes);
    sigset_t standard;
    ::sigemptyset(&standard);
    ::sigaddset(&standard, SIGINT);
    ::sigaddset(&standard, SIGQUIT);
    ::posix_spawnattr_setsigdefault(&attributes, &standard);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    QuietSignals quiet;
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, argv[0].c_str(), &actions, &attributes,
                                     pointers(argv).data(), pointers(assignments).data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failed != 0) return files::errno_error(failed, argv[0]);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return {};
}

}  // namespace sluice::cli::local
