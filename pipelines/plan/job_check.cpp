/// What is wrong with a job for any event and any value of its expressions.
#include "pipelines/base/text.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/kinds/kind.hpp"
#include "pipelines/plan/lower.hpp"
#include "pipelines/plan/output_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::plan {
namespace {

using config::Diagnostics;
using config::Node;

bool is_step_id(const std::string& text) {
    return !text.empty() && text.size() <= 63 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos &&
           !(text[0] >= '0' && text[0] <= '9');
}

void check_steps(const Node& steps, const std::string& id, Diagnostics& diagnostics) {
    if (steps.items.empty())
        diagnostics.error(steps.place, "nothing_to_run",
                          fmt::format("`steps` of `{}` is empty", id), "e.g. `steps: [make]`");
    if (steps.items.size() > k_max_steps)
        diagnostics.error(
            steps.items[k_max_steps].place, "too_many_steps",
            fmt::format("`{}` has {} steps, at most {}", id, steps.items.size(), k_max_steps),
            "join scripts, or split the job");
    std::set<std::pair<int, std::string>> ids;  // unique in each call of a fragment
    for (const Node& step : steps.items) {
        if (!step.is_map()) continue;
        const bool has_run = step.find("run") != nullptr, has_uses = step.find("uses") != nullptr;
        // A key that nobody knows may be what was meant to run, and is told already.
        const bool has_unknown =
            std::any_of(step.members.begin(), step.members.end(), [](const config::Member& member) {
                return config::find_key(config::scope_step, member.name) == nullptr;
            });
        if (!has_run && !has_uses && !has_unknown)
            diagnostics.error(step.place, "nothing_to_run", "this step has nothing to run",
                              "give it `run: …`");
        const Node* name = step.find("id");
        if (name == nullptr || !name->is_scalar()) continue;
        if (!is_step_id(name->text)) {
            std::string snake = name->text;
            std::replace(snake.begin(), snake.end(), '-', '_');
            diagnostics.error(
                name->place, "bad_name",
                fmt::format("`{}` is not a step id", config::shown(name->text)),
                is_step_id(snake)
                    ? fmt::format("write `{}`: `-` is for ids of jobs", snake)
                    : "lower-case letters, digits and `_`, not starting with a digit");
        } else if (!ids.insert({name->place.call, name->text}).second) {
            diagnostics.error(name->place, "bad_name",
                              fmt::format("two steps of `{}` have the id `{}`", id, name->text),
                              "rename one");
        }
    }
}

void unknown_kind(const Node& kind, Diagnostics& diagnostics) {
    std::vector<std::string> known;
    for (const config::KindName& k : config::kind_names()) known.emplace_back(k.name);
    if (expr::has_expression(kind.text)) return;  // has been refused where it stands
    const auto near = text::nearest(kind.text, known);
    diagnostics.error(
        kind.place, "unknown_kind", fmt::format("there is no kind `{}`", config::shown(kind.text)),
        near ? fmt::format("did you mean `{}`?", *near) : "leave `kind` out for a script");
}

/// Keys of other kinds.
void check_kind_keys(const Node& job, const std::string& kind, Diagnostics& diagnostics) {
    for (const config::Member& member : job.members) {
        const config::Key* key = config::find_key(config::scope_job, member.name);
        if (key == nullptr || config::fits_kind(*key, kind)) continue;
        diagnostics.error(member.place, "key_of_other_kind",
                          fmt::format("`{}` belongs to kind {}, and this job is of kind {}",
                                      member.name, key->kinds, kind),
                          key->kinds.find(' ') == std::string_view::npos
                              ? fmt::format("add `kind: {}`, or remove it", key->kinds)
                              : "choose the kind, or remove it");
    }
}

/// An output that is copied to somewhere else.
bool publishes(const Node& job) {
    const Node* outputs = job.find("outputs");
    return outputs != nullptr &&
           std::any_of(outputs->members.begin(), outputs->members.end(),
                       [](const auto& output) { return output.value.find("publish") != nullptr; });
}

}  // namespace

void check_job(const config::MergedJob& job, Diagnostics& diagnostics) {
    const Node& node = job.node;
    const Node* kind_name = node.find("kind");
    const std::string name = kind_name == nullptr ? "script" : kind_name->text;
    const auto all = config::kind_names();
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const auto& k) { return k.name == name; });
    if (!known) {
        unknown_kind(*kind_name, diagnostics);
    } else {
        check_kind_keys(node, name, diagnostics);
        if (const kinds::Kind* kind = kinds::find_kind(name);
            kind != nullptr && kind->check != nullptr)
            kind->check(node, job.id, job.place, diagnostics);
    }
    if (const Node* outputs = node.find("outputs"))
        for (const config::Member& output : outputs->members)
            if (kind_outputs(name).contains(output.name))
                diagnostics.error(
                    output.place, "output_of_kind",
                    fmt::format("kind {} declares output `{}` itself", name, output.name),
                    "remove it, or choose another name");
    if (node.find("memoize") != nullptr) {
        const bool by_kind =
            name == "deploy" || name == "model" || name == "image" || name == "package";
        if (by_kind || node.find("environment") != nullptr || publishes(node))
            diagnostics.error(
                node.member("memoize")->place, "cannot_memoize",
                fmt::format("`{}` changes something outside, so it can't be skipped", job.id),
                "remove `memoize`, or split the part that only computes from it");
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
    check_shape(job, diagnostics);
}

}  // namespace sluice::plan
