#pragma once
/// Starts programs without fork (engine rule 1): in a session of its own, no inherited descriptors
/// beyond 0-2, default signal mask and dispositions. A program that cannot be executed
/// is an error with its errno, never an exit code. Two ways: launch() for coroutines and callbacks
/// on an Asio executor, run() for blocking callers.

#include "pipelines/base/result.hpp"
#include "pipelines/base/time.hpp"
#include "platform/files.hpp"

// Process v2 of Boost 1.81 uses this header without including it.
#include <boost/asio/detail/throw_error.hpp>
#include <boost/process/v2/process.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::spawn {

using Process = boost::process::v2::basic_process<boost::asio::any_io_executor>;

struct Command {
    /// argv[0] is the program: a path, or a name that is searched in the *child's* PATH.
    std::vector<std::string> argv;
    /// The whole environment of the child; nothing is inherited.
    std::map<std::string, std::string> env;
    files::Path directory;  ///< "" = the caller's
    /// Descriptors that become 0, 1 and 2; -1 = /dev/null. They may be equal. The caller keeps and
    /// closes its own.
    int in = -1, out = -1, err = -1;
    /// SIGKILL when the thread that starts the command ends (not the process: start it from a
    /// thread that lives as long as the command may). A set-user-id program loses it.
    bool dies_with_us = false;
    /// `in` is a terminal that becomes the controlling one of the new session; with dies_with_us.
    bool on_terminal = false;
};

/// How a process ended, from waitpid's status.
struct Exit {
    std::optional<int> code;
    std::optional<int> signal;
    bool ok() const { return code == 0; }
    bool operator==(const Exit&) const = default;
};
Exit exit_from_status(int status);
/// `exit code 3` or `signal 9 (SIGKILL)`.
std::string to_text(const Exit& exit);
/// `SIGKILL`, or `signal 34` for one without a name.
std::string signal_name(int number);

/// The path that execution of `program` would use: itself when it has a slash, else the first
/// executable regular file in `path` (a PATH text). Refused with not_found and a message that names
/// the program.
Result<std::string> find_program(std::string_view program, std::string_view path);

/// Starts the command and returns its pid, which is also its session and process group; the caller
/// must wait for it. Refused with id `spawn_failed` (Code::not_found for ENOENT) and a message with
/// the program and errno's text.
Result<pid_t> start(const Command& command);

/// As start(); the returned object adopts the pid and waits by pidfd. Never call its terminate():
/// signal the group with kill_group() and let async_wait reap. It must have been waited for before
/// it is destroyed, or it kills and blocks.
Result<Process> launch(boost::asio::any_io_executor executor, const Command& command);

/// Signals a group; true when something was there to signal.
bool kill_group(pid_t group, int signal);

/// This process's environment as a map.
std::map<std::string, std::string> current_environment();

struct RunOptions {
    std::optional<std::map<std::string, std::string>> env;  ///< nothing = the caller's
    files::Path directory;
    std::string input;                  ///< written to its standard input
    Duration timeout{0};                ///< 0 = none; then the group is killed
    std::size_t output_max = 16 << 20;  ///< what comes after it is dropped and `truncated` is set
    bool merge_error = true;  ///< stderr into `output`; else it goes to the caller's stderr
};
struct Finished {
    Exit exit;
    std::string output;
    bool truncated = false;
};

/// Runs to the end and returns its output, in the order written. Blocking. Refused as start() is,
/// or with Code::timeout after the group was killed and reaped.
Result<Finished> run(const std::vector<std::string>& argv, const RunOptions& options = {});

}  // namespace sluice::spawn
