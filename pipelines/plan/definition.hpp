#pragma once
/// What the cells of an open matrix will be made of, as a digest: an approval of a changed pipeline
/// (config_edit.hpp) must see an edit of a job whose cells do not exist yet. Pure.

#include "pipelines/plan/lower.hpp"

#include <string>

namespace sluice::plan {

/// Over the merged job as it is written, the calls in it, and the job as this event would plan it
/// with a stand-in for every late value.
std::string definition_of(const LowerInput& open, const Matrix& matrix,
                          const config::Diagnostics& diagnostics);

}  // namespace sluice::plan
