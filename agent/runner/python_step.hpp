#pragma once
/// `python`: the step that makes the job's virtual environment, or finds it made. Pure.

#include "pipelines/model/spec.hpp"
#include "platform/files.hpp"

#include <optional>

namespace sluice::agent {

/// The step to run before the job's own, when the job has `python`. Environments are kept below
/// `folder`, one for each (interpreter, machine, tool, content of the files named): built once,
/// under a lock that ends with its holder, in a folder of its own that gets its name when it is
/// whole; so a build that is killed leaves nothing that another job takes for an environment.
std::optional<model::StepSpec> python_step(const model::JobSpec& spec, const files::Path& folder);

}  // namespace sluice::agent
