#pragma once
/// Where the steps of an attempt run. The runner carries the attempt; an executor gives its steps a
/// place: the machine itself (host/) or a container (container/). One folder per executor; what all
/// of them owe is checked by tests/unit/agent/executor_contract_test.cpp. Jobs of Kubernetes, Slurm
/// and Spark are placements of the same runner, not executors (docs/decisions/0019).
///
/// Everything happens on the runner's thread, which runs the io_context.

#include "agent/attempt_folder.hpp"
#include "agent/executors/settings.hpp"
#include "agent/executors/step_process.hpp"
#include "pipelines/model/job_state.hpp"

#include <boost/asio/io_context.hpp>

#include <map>
#include <memory>

namespace sluice::agent {

/// Paths as a step sees them.
struct Places {
    files::Path workspace;
    files::Path files;          ///< folder of CI_OUTPUT and its like
    files::Path files_outside;  ///< the same folder as the runner sees it
    files::Path secrets{};      ///< ExecutorParts::secret_files; "" = at the same path
};

/// What the runner lends to an executor.
class Lender {
public:
    virtual ~Lender() = default;
    virtual boost::asio::io_context& io() = 0;
    /// A line of the runner's own in the log.
    virtual void note(const std::string& line) = 0;
    /// Writes down, before it is made, that something of this name will exist outside the runner's
    /// own process tree; salvage removes it by that name (rule 13).
    virtual Result<> intend(std::string_view executor, const std::string& name) = 0;
    /// Runs a tool to its end while the attempt stays stoppable: a stop ends the tool, with error
    /// id `stopped`. Its output goes to the log (`shown`) or is returned. Code::timeout after
    /// `timeout`.
    virtual Result<spawn::Finished> run(spawn::Command command, Duration timeout, bool shown) = 0;
    /// What the secret of `image.auth` holds; "" = the job has none.
    virtual std::string registry_login() = 0;
};

/// The services beside a job, as its executor needs to know them.
struct Sidecars {
    bool network = false;                      ///< the attempt's network is there
    std::map<std::string, std::string> hosts;  ///< name → address in it
};

/// What an executor gets at its birth; outlives it.
struct ExecutorParts {
    const AttemptFolder& folder;
    const protocol::ClaimedJob& job;
    const ExecutorSettings& settings;
    Lender& lender;
    const Sidecars& sidecars;
    /// Folder in memory of secrets that steps take as files, which other users of the machine can't
    /// reach; "" = the job takes none.
    files::Path secret_files{};
};

/// A refused preparation: what went wrong and whose fault it was.
struct Refusal {
    Error error;
    model::Cause cause = model::Cause::setup;  ///< setup, image or config
};

/// What the steps and all that they started use.
struct UsageNow {
    Duration cpu{0};            ///< so far
    std::int64_t resident = 0;  ///< bytes in memory now
    std::int64_t peak = 0;      ///< the most so far, where it is known without sampling; else 0
};

class Executor {
public:
    virtual ~Executor() = default;

    /// `host`, `container`: value of the label `executor=`.
    virtual std::string_view name() const = 0;

    /// Makes ready what steps with this image ("" = the host) need; called before each step, and
    /// does nothing when it is there already. Nothing = ready.
    virtual std::optional<Refusal> prepare(const std::string& image) = 0;

    // After prepare().
    virtual Places places() const = 0;
    /// What a step finds in its environment before the job adds to it.
    virtual Environment base_environment() const = 0;
    /// The path by which steps start `program`, searched in `path`; not_found when it isn't there.
    virtual Result<std::string> find_program(const std::string& program,
                                             const std::string& path) = 0;
    /// Starts one step. `argv[0]` comes from find_program(); `directory` is as the step sees it;
    /// `in`, `out`, `err` are set here. `taken` gets its output, both streams in the order written.
    /// One step at a time.
    virtual Result<std::unique_ptr<StepProcess>> start(spawn::Command command,
                                                       OutputPipe::Taken taken) = 0;
    /// Starts a program on a terminal of its own, for a person; refused as start() is. One at a
    /// time, and no step beside it.
    virtual Result<TerminalProcess> start_on_terminal(spawn::Command command) = 0;
    /// Kills what the steps have left running; what prepare() made stays. Blocking.
    virtual void end_steps() = 0;
    /// Out-of-memory kills among the steps since the first call of prepare().
    virtual std::uint64_t oom_kills() const = 0;

    /// What ran out of memory, for people: `the machine`, `the container`.
    virtual std::string_view memory_owner() const = 0;
    /// Nothing where it can't be told.
    virtual std::optional<UsageNow> usage() const { return std::nullopt; }

    /// Ends and removes everything that prepare() and the steps made outside the attempt's folder.
    /// Blocking, at most a minute. No other member but facts() may be called afterwards.
    virtual void clean_up() = 0;
    /// What people want to know afterwards: `image`, `image_digest`.
    virtual std::map<std::string, std::string> facts() const { return {}; }
};

/// The executor that a job needs. Refused with a message for people when this agent has none.
Result<std::unique_ptr<Executor>> make_executor(const ExecutorParts& parts);

/// The executors that this machine has now: values of the label `executor=`.
std::vector<std::string> available_executors(const ExecutorSettings& settings);

/// Removes what a dead runner's executor left under that name, and sees to it that the attempt's
/// folder can be removed; for salvage, blocking. Refused when it must be tried again.
Result<> remove_leftovers(std::string_view executor, const std::string& name,
                          const ExecutorSettings& settings, const files::Path& folder);

}  // namespace sluice::agent
