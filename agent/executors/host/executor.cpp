#include "agent/executors/host/executor.hpp"

#include "agent/executors/external_name.hpp"
#include "agent/executors/host/process.hpp"
#include "agent/proc.hpp"
#include "agent/runner/process_tree.hpp"
#include "agent/runner/step_environment.hpp"

namespace sluice::agent {

namespace {
constexpr Duration k_kill_patience{10'000};
}

std::optional<Refusal> HostExecutor::prepare(const std::string& image) {
    if (!oom_kills_before_) {
        oom_kills_before_ = proc::oom_kills();
        if (Result<> limited = limit(); !limited) return Refusal{limited.error()};
        if (parts_.settings.host.sandbox) {
            Result<Sandbox> sandbox = Sandbox::find();
            if (!sandbox) return Refusal{sandbox.error()};
            sandbox_ = std::move(*sandbox);
            for (const files::Path& folder : {files(), parts_.settings.environments / "python"})
                if (Result<> made = files::make_dirs(folder, 0755); !made)
                    return Refusal{made.error()};
        }
    }
    if (image.empty() || image == "none") return std::nullopt;
    return Refusal{error(Code::invalid, "no_container",
                         "image: " + image + ": only a job with an image has steps with another"),
                   model::Cause::config};
}

Result<> HostExecutor::limit() {
    const model::Resources& wanted = parts_.job.spec.resources;
    if (wanted.memory == 0 && wanted.cpu_millis == 0) return {};
    const std::string name = external_name(parts_.folder.path);
    std::string folders;
    for (const files::Path& folder : OwnCgroup::folders_for(name))
        folders += (folders.empty() ? "" : ":") + folder.string();
    if (!folders.empty()) SLUICE_CHECK(parts_.lender.intend("cgroup", folders));
    if (!helper_program().empty()) group_ = OwnCgroup::make(name, wanted);
    if (!group_)
        parts_.lender.note(
            "this agent can't make control groups: what the job asks for is reserved, but it is "
            "not held to it");
    return {};
}

Places HostExecutor::places() const {
    return {parts_.folder.workspace(), files(), files()};
}

files::Path HostExecutor::files() const {
    return sandbox_ || parts_.settings.host.sandbox ? parts_.folder.path / "files"
                                                    : parts_.folder.path;
}

Environment HostExecutor::base_environment() const {
    Environment base = agent::base_environment(spawn::current_environment());
    // What it writes at home is nobody else's.
    if (sandbox_) base["HOME"] = "/tmp";
    return base;
}

Result<std::string> HostExecutor::find_program(const std::string& program,
                                               const std::string& path) {
    return spawn::find_program(program, path);
}

Result<std::unique_ptr<StepProcess>> HostExecutor::start(spawn::Command command,
                                                         OutputPipe::Taken taken) {
    if (sandbox_)
        command = sandbox_->wrap(std::move(command), parts_.folder, files(),
                                 {parts_.settings.environments / "python"});
    auto process = std::make_unique<HostProcess>(parts_.lender.io(), std::move(taken));
    if (sandbox_) process->wrapped();
    SLUICE_CHECK(process->start(
        as_step(std::move(command), group_ ? group_->doors() : std::vector<files::Path>{})));
    return std::unique_ptr<StepProcess>(std::move(process));
}

std::optional<UsageNow> HostExecutor::usage() const {
    const std::optional<Duration> cpu = group_ ? group_->counters().cpu_time() : std::nullopt;
    const auto resident = group_ ? group_->counters().resident() : std::nullopt;
    if (!cpu || !resident) return usage_of_tree();
    return UsageNow{*cpu, *resident, group_->counters().peak().value_or(0)};
}

std::uint64_t HostExecutor::oom_kills() const {
    if (group_)
        if (auto kills = group_->counters().oom_kills()) return *kills;
    return proc::oom_kills() - oom_kills_before_.value_or(0);
}

void HostExecutor::clean_up() {
    if (group_) (void)group_->end(k_kill_patience);
}

}  // namespace sluice::agent
