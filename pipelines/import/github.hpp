#pragma once
/// GitHub Actions, in parts. Pure.

#include "pipelines/import/common.hpp"
#include "pipelines/import/github_expression.hpp"

namespace sluice::importer::github {

/// What the jobs of a workflow share.
struct Workflow {
    Conversion& work;
    JobIds& ids;
    Names names;
    std::vector<std::string> dropped;  ///< jobs (of the source) that were not converted
};

/// `on:` → triggers. Writes `on`.
void convert_triggers(Workflow& workflow);

/// One job; false when it was not converted (a note says why).
bool convert_job(Workflow& workflow, const std::string& id, const Node& job);

/// The steps of a job into `out`, which already has what the job's own keys say.
void convert_steps(Workflow& workflow, const std::string& path, const Node& job, Out& out);

/// `env` of workflow, job or step: values translated, secrets by `secrets`.
void convert_env(Workflow& workflow, const Node& owner, const std::string& path, Out& out,
                 config::Scopes scope);

/// A text with `${{ }}` for another key than a script. Nothing (and a note) when it cannot be kept.
std::optional<std::string> translate_text(Workflow& workflow, const Node& scalar,
                                          const std::string& key);
/// An `if`: sets `if` and `when` of `out`. False (and a note) when it cannot be kept.
bool convert_condition(Workflow& workflow, const Node& owner, const std::string& path, Out& out);
/// A script: `${{ }}` and GITHUB_* replaced; what must come by `env` is put into `out`.
std::string convert_script(Workflow& workflow, const Node& script, const std::string& key,
                           Out& out);

}  // namespace sluice::importer::github
