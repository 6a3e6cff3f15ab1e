/// What is wrong with a job for any event and any value of its expressions.
#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/kinds/kind.hpp"
#include "pipelines/plan/lower.hpp"

#include <fmt/format.h>

#include <set>

namespace sluice::plan {
namespace {

using config::Diagnostics;
using config::Node;

void check_steps(const Node& steps, const std::string& id, Diagnostics& diagnostics) {
    if (steps.items.empty())
        diagnostics.error(steps.place, "nothing_to_run",
                          fmt::format("`steps` of `{}` is empty", id), "e.g. `steps: [make]`");
    if (steps.items.size() > k_max_steps)
        diagnostics.error(
            steps.items[k_max_steps].place, "too_many_steps",
            fmt::format("`{}` has {} steps, at most {}", id, steps.items.size(), k_max_steps),
            "join scripts, or split the job");
    std::set<std::string> ids;
    for (const Node& step : steps.items) {
        if (!step.is_map()) continue;
        if (step.find("run") == nullptr && step.find("uses") == nullptr)
            diagnostics.error(step.place, "nothing_to_run", "this step has nothing to run",
                              "give it `run: …`");
        const Node* name = step.find("id");
        if (name == nullptr || !name->is_scalar()) continue;
        const bool fits = !name->text.empty() && name->text.size() <= 63 &&
                          name->text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
                              std::string::npos &&
                          !(name->text[0] >= '0' && name->text[0] <= '9');
        if (!fits) {
            diagnostics.error(name->place, "bad_name",
                              fmt::format("`{}` is not a step id", config::shown(name->text)),
                              "lower-case letters, digits and `_`, not starting with a digit");
        } else if (!ids.insert(name->text).second) {
            diagnostics.error(name->place, "bad_name",
                              fmt::format("two steps of `{}` have the id `{}`", id, name->text),
                              "rename one");
        }
    }
}

}  // namespace

void check_job(const config::MergedJob& job, Diagnostics& diagnostics) {
    const Node& node = job.node;
    const Node* kind_name = node.find("kind");
    const kinds::Kind* kind = kinds::find_kind(kind_name == nullptr ? "script" : kind_name->text);
    if (kind == nullptr && !expr::has_expression(kind_name->text)) {
        std::vector<std::string> known;
        for (const kinds::Kind* k : kinds::all_kinds()) known.emplace_back(k->name);
        const std::string name = config::shown(kind_name->text);
        static const std::set<std::string, std::less<>> planned{
            "lint", "test", "image", "package", "deploy", "train", "evaluate", "model", "score"};
        if (planned.contains(kind_name->text)) {
            diagnostics.error(kind_name->place, "not_supported",
                              fmt::format("kind `{}` is not supported yet by this version", name),
                              "leave `kind` out and write the commands in `run`");
        } else {
            const auto near = text::nearest(kind_name->text, known);
            diagnostics.error(
                kind_name->place, "unknown_kind", fmt::format("there is no kind `{}`", name),
                near ? fmt::format("did you mean `{}`?", *near) : "leave `kind` out for a script");
        }
    } else if (kind != nullptr && kind->check != nullptr) {
        kind->check(node, job.id, job.place, diagnostics);
    }
    const Node* run = node.find("run");
    const Node* steps = node.find("steps");
    if (run != nullptr && steps != nullptr)
        diagnostics.error(node.member("steps")->place, "too_many_commands",
                          fmt::format("`{}` has both `run` and `steps`", job.id),
                          "make `run` the first of the steps");
    if (run != nullptr && ((run->is_scalar() && text::trim(run->text).empty()) ||
                           (run->is_list() && run->items.empty())))
        diagnostics.error(node.member("run")->place, "nothing_to_run",
                          fmt::format("`run` of `{}` is empty", job.id), "e.g. `run: make test`");
    if (steps != nullptr && steps->is_list()) check_steps(*steps, job.id, diagnostics);
    if (const Node* artifacts = node.find("artifacts"))
        for (const Node& artifact : artifacts->items)
            if (artifact.is_map() && artifact.find("paths") == nullptr)
                diagnostics.error(artifact.place, "type_mismatch", "an artifact needs `paths`",
                                  "e.g. `{ name: report, paths: [\"out/**\"] }`");
}

}  // namespace sluice::plan
