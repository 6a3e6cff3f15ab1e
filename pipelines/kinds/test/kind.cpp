/// Kind `test`: runs a test framework whose report it can read, reruns what failed, takes a shard.
#include "pipelines/kinds/kind.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/kinds/test/frameworks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::test {
namespace {

bool says(const config::Node& node, std::string_view word) {
    if (node.text.find(word) != std::string::npos) return true;
    const auto in = [&](const auto& list) {
        return std::any_of(list.begin(), list.end(),
                           [&](const config::Node& item) { return says(item, word); });
    };
    return in(node.items) ||
           std::any_of(node.members.begin(), node.members.end(),
                       [&](const config::Member& member) { return says(member.value, word); });
}

/// A command of the author's own knows nothing of shards unless it asks.
void check_shards(const config::Node& job, config::Diagnostics& diagnostics) {
    const config::Node* shards = job.find("shards");
    if (shards == nullptr || shards->text == "1" || job.find("framework") != nullptr) return;
    const config::Node* commands = job.find("run");
    if (commands == nullptr) commands = job.find("steps");
    if (commands == nullptr || says(job, "CI_SHARD")) return;
    diagnostics.warning(shards->place, "shards_run_all",
                        "each shard runs all of these commands: nothing splits the tests",
                        "name the `framework`, or let the command take part $CI_SHARD of "
                        "$CI_SHARDS");
}

void check(const config::Node& job, const std::string&, const config::Place&,
           config::Diagnostics& diagnostics) {
    check_shards(job, diagnostics);
    const config::Node* framework = job.find("framework");
    if (framework == nullptr || framework->text.find("${{") != std::string::npos) return;
    const auto known = framework_names();
    if (!framework->is_scalar() ||
        std::find(known.begin(), known.end(), framework->text) != known.end())
        return;
    std::string names;
    for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
    const auto near = text::nearest(framework->text, known);
    diagnostics.error(framework->place, "unknown_framework",
                      fmt::format("there is no adapter for {}", config::describe(*framework)),
                      near ? fmt::format("did you mean `{}`?", *near)
                           : fmt::format("known: {}; any other: `run:` with `reports: {{ junit: … "
                                         "}}`",
                                         names));
}

Result<Expansion> expand_job(const model::JobSpec& spec, const Tree& tree) {
    // The author's own command, with `reports: {junit: …}`, serves any runner.
    if (spec.test.framework.empty() && !spec.steps.empty()) return Expansion{};
    return expand({.framework = spec.test.framework,
                   .rerun_failed = spec.test.rerun_failed,
                   .shards = spec.test.shards,
                   .prepared = !spec.steps.empty()},
                  tree);
}

reports::Rules rules(const model::JobSpec&) {
    reports::Rules out;
    out.fail_on_tests = true;
    return out;
}

}  // namespace

extern const Kind k_kind;
const Kind k_kind{.name = "test",
                  .help = "runs tests, fails on failing ones, knows flaky and slow ones",
                  .check = check,
                  .expand = expand_job,
                  .rules = rules};

}  // namespace sluice::kinds::test
