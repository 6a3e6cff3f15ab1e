#pragma once
/// `if`: reading it, deciding what is known at plan time, and deciding the rest later. Pure, any
/// thread. What is left of a condition after planning reads only `needs` (a job) or `steps` (a
/// step); everything an outsider can choose has been decided and is gone.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/expression/evaluate.hpp"
#include "pipelines/model/job_state.hpp"
#include "pipelines/model/outcome.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

namespace expr = config::expression;

/// The expression of an `if`: bare, or wholly inside one `${{ }}`. Nothing after a diagnostic.
std::optional<expr::Ast> read_condition(const config::Node& scalar,
                                        config::Diagnostics& diagnostics);

/// `needs.build` becomes `needs['caller/build']`: ids as the plan knows them (`full`) for those
/// that a fragment writes.
void rename_ids(expr::Ast& ast, std::string_view context,
                const std::function<std::string(const std::string&)>& full);

/// What a condition is after planning: decided, or text that is evaluated later.
struct Decision {
    bool value = true;
    std::string later;  ///< not empty: not decided yet
};

/// Evaluates what can be evaluated without `later` ("needs" or "steps"). Refused as
/// expression::evaluate().
Result<Decision> decide(const expr::Ast& condition, const expr::Context& context,
                        std::string_view later);

/// The ids that a late condition reads: `{"build"}` for `(needs.build.result == 'failed')`.
std::vector<std::string> ids_read(std::string_view later_text, std::string_view context);

/// PlannedJob::late_if with the results of the jobs it may read; a job that is missing reads as
/// not_selected.
Result<bool> evaluate_late_if(std::string_view late_if,
                              const std::map<std::string, model::JobState>& needs);

/// What a later step may know of an earlier one.
struct StepFacts {
    model::StepState outcome = model::StepState::pending;  ///< before allow_failure
    model::StepState result = model::StepState::pending;   ///< after it
};

/// StepSpec::condition with the steps that have ended, by id; for the runner. "" is true.
Result<bool> evaluate_step_condition(std::string_view condition,
                                     const std::map<std::string, StepFacts>& steps);

}  // namespace sluice::plan
