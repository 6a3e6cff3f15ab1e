#include "cli/local/job_run.hpp"

namespace sluice::cli::local {

std::optional<std::size_t> JobRun::telling_step() const {
    using model::StepState;
    if (!report) return std::nullopt;
    std::optional<std::size_t> last;
    for (std::size_t i = 0; i < report->steps.size(); ++i) {
        const StepState step = report->steps[i].state;
        if (step == StepState::failed || step == StepState::errored) return i;
        if (step != StepState::pending && step != StepState::skipped) last = i;
    }
    return last;
}

}  // namespace sluice::cli::local
