/// Kind `test`: runs a test framework whose report it can read, reruns what failed, takes a shard.
#include "pipelines/kinds/kind.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/kinds/test/frameworks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::test {
namespace {

void check(const config::Node& job, const std::string&, const config::Place&,
           config::Diagnostics& diagnostics) {
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
                   .shard = spec.test.shard,
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
