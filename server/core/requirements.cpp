#include "server/core/requirements.hpp"

#include <algorithm>

namespace sluice::core {

std::vector<std::string> required_labels(const plan::PlannedJob& job) {
    std::vector<std::string> labels = job.spec.runs_on;
    const bool is_late = std::any_of(job.late.begin(), job.late.end(),
                                     [](const auto& late) { return late.at == "/image"; });
    if (is_late || !job.spec.image.empty()) labels.push_back("executor=container");
    return labels;
}

}  // namespace sluice::core
