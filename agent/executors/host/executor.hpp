#pragma once
/// Steps as processes of this machine.

#include "agent/executors/executor.hpp"
#include "agent/executors/host/own_cgroup.hpp"
#include "agent/executors/host/sandbox.hpp"
#include "agent/executors/host/user.hpp"

#include <set>

namespace sluice::agent {

class HostExecutor : public Executor {
public:
    explicit HostExecutor(const ExecutorParts& parts) : parts_(parts) {}

    std::string_view name() const override { return "host"; }
    std::optional<Refusal> prepare(const std::string& image) override;
    Places places() const override;
    Environment base_environment() const override;
    Result<std::string> find_program(const std::string& program, const std::string& path) override;
    Result<std::unique_ptr<StepProcess>> start(spawn::Command command,
                                               OutputPipe::Taken taken) override;
    Result<TerminalProcess> start_on_terminal(spawn::Command command) override;
    void end_steps() override;
    std::uint64_t oom_kills() const override;
    std::optional<UsageNow> usage() const override;
    std::string_view memory_owner() const override { return group_ ? "the job" : "the machine"; }
    void clean_up() override;

private:
    ExecutorParts parts_;
    /// Makes the control group of a job that asks for a share of the machine.
    Result<> limit();

    files::Path files() const;
    /// A user of its own for the job, where the machine's owner wants that.
    std::optional<Refusal> take_user();
    HostUser::View view() const;
    files::Path home() const;
    /// Where the job's Python environments stand, which steps see below settings.environments.
    files::Path python_environments() const;
    Result<> make_python_environments() const;
    Result<spawn::Command> wrapped(spawn::Command command);

    std::optional<Sandbox> sandbox_;
    std::optional<HostUser> user_;
    bool owns_workspace_ = false;
    std::optional<OwnCgroup> group_;
    std::optional<std::uint64_t> oom_kills_before_;
    std::set<pid_t> before_;  ///< what ran below the runner before the first step: services
};

}  // namespace sluice::agent
