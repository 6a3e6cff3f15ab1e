#pragma once
/// What a job reads of others is evaluated when they have ended (reference A3 `L`, A6 step 6).
/// Pure, any thread.

#include "pipelines/plan/names_read.hpp"
#include "pipelines/plan/outputs.hpp"
#include "pipelines/plan/plan.hpp"

#include <span>

namespace sluice::plan {

/// A cell of a job that was waited for. The pointers outlive the call.
struct CellFacts {
    const model::JobSpec* spec = nullptr;
    model::JobState state = model::JobState::not_selected;
    const Outputs* outputs = nullptr;
};

/// `needs.J`: `result` is that of the worst cell, `outputs` are there when there is one cell.
expr::Value need_value(model::JobState result, std::span<const CellFacts> cells);

/// Everything below `needs` that the job reads late, in `if` and in every other key.
std::set<Names> late_reads(const PlannedJob& job);

/// PlannedJob::late_if, with `needs` as an object of need_value()s; a job that is missing is null.
Result<bool> evaluate_late_if(std::string_view late_if, const expr::Value& needs);

/// The list that a LateAxis gives, each value as text.
Result<std::vector<std::string>> evaluate_list(std::string_view text, const expr::Value& needs);

/// The spec with every PlannedJob::late evaluated and checked against its type. Refused with a
/// sentence that names the key: the job is then failed with cause `config`.
Result<model::JobSpec> complete(const PlannedJob& job, const expr::Value& needs);

}  // namespace sluice::plan
