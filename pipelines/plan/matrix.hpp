#pragma once
/// `matrix` → cells (reference A6 step 2). Values are strings, the source text. Pure.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/node.hpp"

#include <map>
#include <string>
#include <vector>

namespace sluice::plan {

inline constexpr std::size_t k_max_cells = 256;

struct Cell {
    std::map<std::string, std::string> values;
    std::string suffix;  ///< ` (3.11, linux)`: the axes' values in file order
};

struct Matrix {
    std::vector<Cell> cells;
    /// Every name that some cell has; true when all cells have it.
    std::map<std::string, bool> names;
};

/// The cells of a `matrix` node that the schema accepted; mistakes are in `diagnostics` and then
/// cells may be missing. `job` is for messages. Errors: `matrix_empty`, `matrix_too_large`,
/// `matrix_incomplete`, `matrix_twin`.
Matrix expand_matrix(const config::Node& matrix, const std::string& job,
                     config::Diagnostics& diagnostics);

}  // namespace sluice::plan
