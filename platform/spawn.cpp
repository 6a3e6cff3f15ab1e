#include "platform/spawn.hpp"

#include "platform/spawn_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

extern char** environ;

namespace sluice::spawn {

namespace {

/// What posix_spawn needs for the same child as spawn_child makes.
struct FileActions {
    posix_spawn_file_actions_t value;
    FileActions() { ::posix_spawn_file_actions_init(&value); }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&value); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
};

struct Attributes {
    posix_spawnattr_t value;
    Attributes() {
        ::posix_spawnattr_init(&value);
        sigset_t none, all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&value, &none);
        ::posix_spawnattr_setsigdefault(&value, &all);
        ::posix_spawnattr_setflags(
            &value, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    ~Attributes() { ::posix_spawnattr_destroy(&value); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

Error spawn_error(int number, const std::string& program) {
    std::string message = program + ": " + std::generic_category().message(number);
    return error(number == ENOENT ? Code::not_found : Code::io, "spawn_failed", std::move(message));
}

/// A descriptor that is 0, 1 or 2 could be overwritten by an earlier dup2, so all are lifted above
/// 2 first.
Result<files::Fd> lifted(int fd, int flags) {
    int copy = fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 3) : ::open("/dev/null", flags | O_CLOEXEC);
    if (copy < 0) return files::errno_error(errno, "prepare a standard stream");
    if (copy > 2) return files::Fd(copy);
    files::Fd low(copy);
    copy = ::fcntl(low.get(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return files::errno_error(errno, "prepare a standard stream");
    return files::Fd(copy);
}

}  // namespace

Exit exit_from_status(int status) {
    if (WIFSIGNALED(status)) return {std::nullopt, WTERMSIG(status)};
    return {WEXITSTATUS(status), std::nullopt};
}

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    return name ? std::string("SIG") + name : "signal " + std::to_string(number);
}

std::string to_text(const Exit& exit) {
    if (exit.signal)
        return "signal " + std::to_string(*exit.signal) + " (" + signal_name(*exit.signal) + ")";
    return "exit code " + std::to_string(exit.code.value_or(-1));
}

Result<std::string> find_program(std::string_view program, std::string_view path) {
    if (program.empty()) return spawn_error(ENOENT, "\"\"");
    if (program.find('/') != std::string_view::npos) return std::string(program);
    int refused = ENOENT;
    while (true) {
        std::size_t colon = path.find(':');
        std::string_view folder = path.substr(0, colon);
        // An empty part of PATH means the current folder to a shell; here that would let a
        // checked-out file win.
        if (!folder.empty()) {
            std::string candidate = std::string(folder) + "/" + std::string(program);
            struct stat status {};
            if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
                if (::access(candidate.c_str(), X_OK) == 0) return candidate;
                refused = EACCES;
            }
        }
        if (colon == std::string_view::npos) break;
        path.remove_prefix(colon + 1);
    }
    return spawn_error(refused, std::string(program));
}

Result<pid_t> start(const Command& command) {
    if (command.argv.empty()) return spawn_error(ENOENT, "\"\"");
    auto path = command.env.find("PATH");
    SLUICE_TRY(
        std::string program,
        find_program(command.argv[0],
                     path == command.env.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second));

    std::vector<std::string> argv = command.argv;
    std::vector<std::string> env;
    env.reserve(command.env.size());
    for (const auto& [name, value] : command.env) env.push_back(name + "=" + value);
    // An embedded NUL would silently cut an argument short.
    for (const auto* texts : {&argv, &env})
        for (const std::string& text : *texts)
            if (text.find('\0') != std::string::npos) return spawn_error(EINVAL, command.argv[0]);

    SLUICE_TRY(files::Fd in, lifted(command.in, O_RDONLY));
    SLUICE_TRY(files::Fd out, lifted(command.out, O_WRONLY));
    SLUICE_TRY(files::Fd err, lifted(command.err, O_WRONLY));
    const std::vector<char*> argv_pointers = pointers(argv), env_pointers = pointers(env);
    pid_t pid = -1;
    int refused = 0;
    if (command.dies_with_us) {
        const ChildPlan plan{.program = program.c_str(),
                             .argv = argv_pointers.data(),
                             .env = env_pointers.data(),
                             .directory = command.directory.c_str(),
                             .streams = {in.get(), out.get(), err.get()},
                             .on_terminal = command.on_terminal};
        refused = spawn_child(plan, pid);
    } else {
        FileActions actions;
        if (!command.directory.empty())
            ::posix_spawn_file_actions_addchdir_np(&actions.value, command.directory.c_str());
        ::posix_spawn_file_actions_adddup2(&actions.value, in.get(), 0);
        ::posix_spawn_file_actions_adddup2(&actions.value, out.get(), 1);
        ::posix_spawn_file_actions_adddup2(&actions.value, err.get(), 2);
        ::posix_spawn_file_actions_addclosefrom_np(&actions.value, 3);
        Attributes attributes;
        refused = ::posix_spawn(&pid, program.c_str(), &actions.value, &attributes.value,
                                argv_pointers.data(), env_pointers.data());
    }
    if (refused == ENOENT && !command.directory.empty() &&
        !std::filesystem::is_directory(command.directory))
        return spawn_error(refused, command.directory.string());
    if (refused != 0) return spawn_error(refused, program);
    return pid;
}

Result<Process> launch(boost::asio::any_io_executor executor, const Command& command) {
    SLUICE_TRY(pid_t pid, start(command));
    int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd >= 0) return Process(std::move(executor), pid, fd);
    int number = errno;
    kill_group(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return spawn_error(number, command.argv[0]);
}

bool kill_group(pid_t group, int signal) {
    return group > 1 && ::kill(-group, signal) == 0;
}

std::map<std::string, std::string> current_environment() {
    std::map<std::string, std::string> env;
    for (char** entry = environ; entry && *entry; ++entry) {
        std::string_view text = *entry;
        std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            env.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return env;
}

Result<Finished> run(const std::vector<std::string>& argv, const RunOptions& options) {
    using Clock = std::chrono::steady_clock;
    int out[2], in[2] = {-1, -1};
    if (::pipe2(out, O_CLOEXEC) != 0) return files::errno_error(errno, "pipe");
    files::Fd read_end(out[0]), write_end(out[1]), feed, fed;
    if (!options.input.empty()) {
        if (::pipe2(in, O_CLOEXEC) != 0) return files::errno_error(errno, "pipe");
        fed = files::Fd(in[0]);
        feed = files::Fd(in[1]);
        ::fcntl(feed.get(), F_SETFL, O_NONBLOCK);
    }
    Command command{.argv = argv,
                    .env = options.env ? *options.env : current_environment(),
                    .directory = options.directory,
                    .in = fed.get(),
                    .out = write_end.get(),
                    .err = options.merge_error ? write_end.get() : 2};
    SLUICE_TRY(pid_t pid, start(command));
    write_end.reset();
    fed.reset();
    files::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));

    // A child that stops reading its input must not kill us; blocking SIGPIPE here is enough for
    // this thread.
    sigset_t pipe_signal, before;
    ::sigemptyset(&pipe_signal);
    ::sigaddset(&pipe_signal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);

    Finished finished;
    std::string_view input = options.input;
    auto deadline = Clock::now() + options.timeout;
    bool timed_out = false, ended = false;
    std::string buffer(64 << 10, '\0');
    auto drain = [&](bool& open) {
        ssize_t n = ::read(read_end.get(), buffer.data(), buffer.size());
        if (n <= 0) {
            open = n < 0 && errno == EINTR;
            return;
        }
        std::size_t room = options.output_max - finished.output.size();
        finished.truncated |= static_cast<std::size_t>(n) > room;
        finished.output.append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
    };
    bool open = true;
    // The end of the process ends the run, even when a background child keeps the pipe open.
    while (open || !ended) {
        int wait_ms = -1;
        if (options.timeout.count() > 0 && !timed_out) {
            auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now()).count();
            wait_ms = static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 1 << 30));
            if (left <= 0) {
                timed_out = true;
                kill_group(pid, SIGKILL);
                continue;
            }
        }
        pollfd fds[3] = {{open ? read_end.get() : -1, POLLIN, 0},
                         {ended ? -1 : pidfd.get(), POLLIN, 0},
                         {input.empty() ? -1 : feed.get(), POLLOUT, 0}};
        int ready = ::poll(fds, 3, ended ? 0 : wait_ms);
        if (ready < 0 && errno != EINTR) break;
        if (ended && ready <= 0) break;
        if (ready <= 0) continue;
        if (fds[0].revents) drain(open);
        if (fds[1].revents) ended = true;
        if (fds[2].revents) {
            ssize_t n = ::write(feed.get(), input.data(), input.size());
            if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
            if (n < 0 && errno != EAGAIN && errno != EINTR) input = {};
            if (input.empty()) feed.reset();
        }
    }
    timespec now{};
    while (::sigtimedwait(&pipe_signal, nullptr, &now) == SIGPIPE) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (timed_out)
        return error(Code::timeout, "timeout",
                     argv[0] + ": killed after " + format_duration(options.timeout));
    finished.exit = exit_from_status(status);
    return finished;
}

}  // namespace sluice::spawn
