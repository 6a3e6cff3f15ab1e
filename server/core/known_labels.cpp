#include "server/core/known_labels.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

bool asks_for_labels(const plan::Plan& plan) {
    return std::any_of(plan.jobs.begin(), plan.jobs.end(), [](const plan::PlannedJob& job) {
        return job.selected && !job.spec.runs_on.empty();
    });
}

std::set<std::string> known_labels(const std::vector<store::Agent>& agents) {
    std::set<std::string> out;
    for (const store::Agent& agent : agents) {
        out.insert({"os=" + agent.os, "arch=" + agent.arch, "host=" + agent.host});
        const auto granted = json::parse(agent.labels);
        if (!granted || !granted->is_array()) continue;
        for (const auto& label : granted->get_array())
            if (label.is_string()) out.insert(std::string(label.get_string()));
    }
    return out;
}

std::vector<config::Diagnostic> warn_of_labels(const plan::Plan& plan,
                                               const std::set<std::string>& known) {
    const std::vector<std::string> all(known.begin(), known.end());
    std::vector<config::Diagnostic> out;
    std::set<std::string> told;
    for (const plan::PlannedJob& job : plan.jobs) {
        if (!job.selected) continue;
        for (const std::string& label : job.spec.runs_on) {
            if (known.contains(label) || label.starts_with("executor=")) continue;
            if (!told.insert(label).second) continue;
            const auto near = text::nearest(label, all);
            out.push_back(
                {.severity = config::Severity::warning,
                 .id = "no_agent_label",
                 .file = ".ci.yml",
                 .message = fmt::format("no agent has label `{}`, which `{}` asks for", label,
                                        job.spec.base),
                 .hint = near ? fmt::format("similar: `{}`; the job waits for an agent", *near)
                              : "the job waits until an agent has it (`sluice agent labels`)",
                 .topic = "job.runs_on"});
        }
    }
    return out;
}

}  // namespace sluice::core
