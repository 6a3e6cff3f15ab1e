/// Kind `evaluate`: the author's commands measure a model; without numbers there is no pass.
#include "pipelines/kinds/kind.hpp"
#include "pipelines/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::evaluate {
namespace {

void check(const config::Node& job, const std::string& id, const config::Place& place,
           config::Diagnostics& diagnostics) {
    if (job.find("run") == nullptr && job.find("steps") == nullptr && job.find("uses") == nullptr)
        diagnostics.error(place, "nothing_to_run", fmt::format("job `{}` has nothing to run", id),
                          "give it `run: …` or `steps: […]`");
    const config::Node* thresholds = job.find("thresholds");
    if (thresholds != nullptr && !thresholds->items.empty()) return;
    diagnostics.warning(place, "no_thresholds",
                        fmt::format("job `{}` measures, and no number can fail it", id),
                        "e.g. `thresholds: [{ metric: auc, max_drop: 0.01 }]`");
}

Result<Expansion> expand_job(const model::JobSpec& spec, const Tree&) {
    Expansion out;
    const bool says = std::any_of(spec.reports.begin(), spec.reports.end(),
                                  [](const auto& report) { return report.format == "metrics"; });
    // Numbers are the point of the job: their absence fails it.
    if (!says)
        out.reports.push_back(
            {.format = "metrics", .tool = "metrics.json", .paths = {"metrics.json"}});
    return out;
}

}  // namespace

extern const Kind k_kind;
const Kind k_kind{.name = "evaluate",
                  .help = "measures a model, fails when its numbers got worse",
                  .check = check,
                  .expand = expand_job};

}  // namespace sluice::kinds::evaluate
