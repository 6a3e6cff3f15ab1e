#include "server/core/wait_reason.hpp"

#include "server/core/scheduler.hpp"

namespace sluice::core {

std::string wait_for_needs(const plan::PlannedJob& job) {
    std::string text = "waiting for ";
    for (std::size_t i = 0; i < job.needs.size(); ++i) text += (i ? ", " : "") + job.needs[i].job;
    return text;
}

std::string wait_for_agent(const plan::PlannedJob& job) {
    if (job.spec.runs_on.empty()) return "waiting for an agent";
    return "waiting for an agent with " + queue_key(job.spec.runs_on);
}

}  // namespace sluice::core
