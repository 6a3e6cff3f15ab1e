#include "agent/executors/host/executor.hpp"

#include "agent/executors/host/process.hpp"
#include "agent/proc.hpp"
#include "agent/runner/step_environment.hpp"

namespace sluice::agent {

std::optional<Refusal> HostExecutor::prepare(const std::string& image) {
    if (!oom_kills_before_) oom_kills_before_ = proc::oom_kills();
    if (image.empty() || image == "none") return std::nullopt;
    return Refusal{error(Code::invalid, "no_container",
                         "image: " + image + ": only a job with an image has steps with another"),
                   model::Cause::config};
}

Places HostExecutor::places() const {
    return {parts_.folder.workspace(), parts_.folder.path, parts_.folder.path};
}

Environment HostExecutor::base_environment() const {
    return agent::base_environment(spawn::current_environment());
}

Result<std::string> HostExecutor::find_program(const std::string& program,
                                               const std::string& path) {
    return spawn::find_program(program, path);
}

Result<std::unique_ptr<StepProcess>> HostExecutor::start(spawn::Command command,
                                                         OutputPipe::Taken taken) {
    auto process = std::make_unique<HostProcess>(parts_.lender.io(), std::move(taken));
    SLUICE_CHECK(process->start(as_step(std::move(command))));
    return std::unique_ptr<StepProcess>(std::move(process));
}

std::uint64_t HostExecutor::oom_kills() const {
    return proc::oom_kills() - oom_kills_before_.value_or(0);
}

}  // namespace sluice::agent
