#pragma once
/// `matrix` → cells (reference A6 step 2). Values are strings, the source text. Pure.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/node.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice::plan {

inline constexpr std::size_t k_max_cells = 256;

struct Cell {
    std::map<std::string, std::string> values;
    std::string suffix;  ///< ` (3.11, linux)`: the axes' values in file order
};

struct Matrix {
    std::vector<Cell> cells;  ///< of an open matrix one without values, which stands for them
    /// Every name that some cell has; true when all cells have it.
    std::map<std::string, bool> names;
    /// Axes that are outputs of other jobs: their values are text.
    std::set<std::string> late;
    bool is_open = false;  ///< has late axes, and their values are not known yet
};

/// Values of late axes, by the axis.
using AxisValues = std::map<std::string, std::vector<std::string>>;

/// Whether some axis of the node is an expression.
bool has_late_axis(const config::Node& matrix);

/// The cells of a `matrix` node that the schema accepted; mistakes are in `diagnostics` and then
/// cells may be missing. `job` is for messages. Errors: `matrix_empty`, `matrix_too_large`,
/// `matrix_incomplete`, `matrix_twin`. `late` are the values of late axes; without them the matrix
/// stays open; with them it may have no cell.
Matrix expand_matrix(const config::Node& matrix, const std::string& job,
                     config::Diagnostics& diagnostics, const AxisValues* late = nullptr);

}  // namespace sluice::plan
