#pragma once
/// What expressions may read: static types for checking, values for evaluating (reference A5, table
/// of contexts). Pure.

#include "pipelines/config/expression/check.hpp"
#include "pipelines/config/expression/evaluate.hpp"
#include "pipelines/plan/matrix.hpp"
#include "pipelines/plan/plan.hpp"

#include <string>
#include <vector>

namespace sluice::plan {

namespace expr = config::expression;

/// Types of what every job may read. `matrix`, `env`, `needs` and `steps` are refused until set.
expr::Scope common_scope();
expr::Type matrix_type(const Matrix& matrix);

/// An ancestor as far as it is known without an event.
struct NeedView {
    std::string id;
    bool is_named = false;  ///< false: no text of the job names it, so its type is not looked at
    const config::Node* job = nullptr;  ///< as merged; nullptr: not of these files
    const Matrix* matrix = nullptr;     ///< nullptr: it has none
    bool optional = false;
    bool by_cell = false;  ///< the need names cells
};
expr::Type needs_type(const std::vector<NeedView>& ancestors);
/// `ids` are those of the steps before this one.
expr::Type steps_type(const std::vector<std::string>& ids);

/// Values of what every job may read, as fields to which `matrix`, `env` and `job` are added.
std::vector<expr::Field> common_values(const Input& input);
expr::World world_of(const Input& input);

/// True when one of the changed paths matches; also when it is not known what changed.
bool paths_changed(const Input& input, std::span<const std::string> globs);

}  // namespace sluice::plan
