#include "server/core/wait_reason.hpp"

#include "server/core/requirements.hpp"
#include "server/core/scheduler.hpp"

#include <fmt/format.h>

namespace sluice::core {

std::string wait_for_needs(const plan::PlannedJob& job) {
    std::string text = job.needs.empty() ? "waiting for its turn" : "waiting for ";
    for (std::size_t i = 0; i < job.needs.size(); ++i) {
        text += (i ? ", " : "") + job.needs[i].job;
        std::string cell;
        for (const auto& [axis, value] : job.needs[i].matrix)
            cell += fmt::format("{}{}: {}", cell.empty() ? "" : ", ", axis, value);
        if (!cell.empty()) text += " (" + cell + ")";
    }
    if (job.max_parallel > 0) text += fmt::format("; at most {} cells at a time", job.max_parallel);
    for (const plan::CallerCell& cell : job.callers)
        if (cell.max_parallel > 0)
            text +=
                fmt::format("; at most {} cells of {} at a time", cell.max_parallel, cell.caller);
    return text;
}

std::string wait_for_agent(const plan::PlannedJob& job) {
    const std::string labels = queue_key(required_labels(job));
    const std::string resources = model::to_words(job.spec.resources);
    if (labels.empty() && resources.empty()) return "waiting for an agent";
    return "waiting for an agent with " + labels +
           (labels.empty() || resources.empty() ? "" : " and ") + resources +
           (resources.empty() ? "" : " free");
}

}  // namespace sluice::core
