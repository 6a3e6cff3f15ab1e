#pragma once
/// `if`: reading it, deciding what is known at plan time, and deciding the rest later. Pure, any
/// thread. What is left of a condition after planning reads only `needs` (a job) or `steps` (a
/// step); everything an outsider can choose has been decided and is gone.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/expression/evaluate.hpp"
#include "pipelines/model/job_state.hpp"
#include "pipelines/model/outcome.hpp"
#include "pipelines/plan/fold_text.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::plan {

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

/// Evaluates what can be evaluated without `later` ("needs", "steps" or both). Refused as
/// expression::evaluate().
Result<Decision> decide(const expr::Ast& condition, const expr::Context& context,
                        const Contexts& later);

/// What is left of a condition, decided further by the same rules. Refused also when it is damaged.
Result<Decision> decide_text(std::string_view later_text, const expr::Context& context,
                             const Contexts& later);

/// What a later step may know of an earlier one.
struct StepFacts {
    model::StepState outcome = model::StepState::pending;  ///< before allow_failure
    model::StepState result = model::StepState::pending;   ///< after it
    std::map<std::string, std::string> outputs = {};       ///< what it wrote to $CI_OUTPUT
};

/// StepSpec::condition with the steps that have ended, by id; for the runner. "" is true.
Result<bool> evaluate_step_condition(std::string_view condition,
                                     const std::map<std::string, StepFacts>& steps);

/// A text of StepSpec::late_env with the steps that have ended, by id; for the runner.
Result<std::string> evaluate_step_text(std::string_view text,
                                       const std::map<std::string, StepFacts>& steps);

/// Outputs of steps that a condition (or, with `is_text`, a text of late_env) reads: id and name.
std::set<std::pair<std::string, std::string>> step_outputs_read(std::string_view source,
                                                                bool is_text);

}  // namespace sluice::plan
