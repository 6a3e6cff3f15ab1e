/// Kind `train`: the author's commands, the numbers that they write, and what is needed to know
/// later where a model came from.
#include "pipelines/kinds/kind.hpp"
#include "pipelines/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::train {
namespace {

/// What the interpreter of the job has: a model is made by its packages, too. It is no reason to
/// fail.
constexpr std::string_view k_environment =
    "mkdir -p .sluice\n"
    "{ if command -v python3 >/dev/null; then\n"
    "    python3 --version\n"
    "    python3 -m pip list --format=freeze 2>/dev/null\n"
    "  fi; } > .sluice/environment.txt || true\n";

void check(const config::Node& job, const std::string& id, const config::Place& place,
           config::Diagnostics& diagnostics) {
    if (job.find("run") == nullptr && job.find("steps") == nullptr && job.find("uses") == nullptr)
        diagnostics.error(place, "nothing_to_run", fmt::format("job `{}` has nothing to run", id),
                          "give it `run: …` or `steps: […]`");
    const config::Node* outputs = job.find("outputs");
    const auto is_model = [](const config::Member& output) {
        const config::Node* type = output.value.find("type");
        return type != nullptr && type->text == "model";
    };
    if (outputs != nullptr &&
        std::any_of(outputs->members.begin(), outputs->members.end(), is_model))
        return;
    diagnostics.warning(place, "no_model", fmt::format("job `{}` trains, and leaves no model", id),
                        "e.g. `outputs: { model: { type: model, path: model.bin } }`");
}

Result<Expansion> expand_job(const model::JobSpec& spec, const Tree&) {
    Expansion out;
    AddedStep environment;
    environment.step.name = "environment";
    environment.step.run = k_environment;
    environment.step.shell = "sh";
    out.steps.push_back(std::move(environment));
    const bool says = std::any_of(spec.reports.begin(), spec.reports.end(),
                                  [](const auto& report) { return report.format == "metrics"; });
    if (!says)
        out.reports.push_back({.format = "metrics",
                               .tool = "metrics.json",
                               .paths = {"metrics.json"},
                               .optional = true});
    return out;
}

}  // namespace

extern const Kind k_kind;
const Kind k_kind{.name = "train",
                  .help = "trains a model and keeps where it came from",
                  .check = check,
                  .expand = expand_job};

}  // namespace sluice::kinds::train
