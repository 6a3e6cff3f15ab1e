/// Kind `lint`: runs linters whose reports it can read, and fails on what the change adds.
#include "pipelines/kinds/kind.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/kinds/lint/adapters.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::kinds::lint {
namespace {

void check(const config::Node& job, const std::string&, const config::Place&,
           config::Diagnostics& diagnostics) {
    const config::Node* tools = job.find("tools");
    if (tools == nullptr) return;
    const auto known = tool_names();
    for (const config::Node& tool : tools->items) {
        const bool is_expression = tool.text.find("${{") != std::string::npos;
        if (!tool.is_scalar() || is_expression ||
            std::find(known.begin(), known.end(), tool.text) != known.end())
            continue;
        std::string names;
        for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
        const auto near = text::nearest(tool.text, known);
        diagnostics.error(tool.place, "unknown_tool",
                          fmt::format("there is no adapter for {}", config::describe(tool)),
                          near ? fmt::format("did you mean `{}`?", *near)
                               : fmt::format("known: {}; any other tool: `run:` with `reports: {{ "
                                             "sarif: … }}`",
                                             names));
    }
}

Result<Expansion> expand_job(const model::JobSpec& spec, const Tree& tree) {
    // The author's own commands, with `reports:`, serve any tool; `tools` adds to them.
    if (spec.lint.tools.empty() && !spec.steps.empty()) return Expansion{};
    std::vector<ToolWish> wishes;
    for (const std::string& tool : spec.lint.tools) wishes.push_back({tool, {}});
    Tree of_scope = tree;
    // Without `scope: new` all files are looked at, not only the changed ones.
    if (spec.lint.scope != model::FailScope::fresh) of_scope.changes.reset();
    return expand(wishes, of_scope);
}

reports::Rules rules(const model::JobSpec& spec) {
    reports::Rules out;
    out.fail_on = reports::FailOn{.level = static_cast<model::Severity>(spec.lint.level),
                                  .scope = static_cast<reports::FindingScope>(spec.lint.scope)};
    return out;
}

static_assert(EnumNames<model::FindingLevel>::names == EnumNames<model::Severity>::names);
static_assert(EnumNames<model::FailScope>::names == EnumNames<reports::FindingScope>::names);

}  // namespace

extern const Kind k_kind;
const Kind k_kind{.name = "lint",
                  .help = "runs linters, fails on findings that the change adds",
                  .check = check,
                  .expand = expand_job,
                  .rules = rules};

}  // namespace sluice::kinds::lint
