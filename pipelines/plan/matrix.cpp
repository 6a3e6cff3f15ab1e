#include "pipelines/plan/matrix.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::plan {
namespace {

using config::Member;
using config::Node;

/// An axis whose value is an expression.
bool is_late(const Member& member) {
    return config::find_key(config::scope_matrix, member.name) == nullptr &&
           member.value.is_scalar() && config::expression::has_expression(member.value.text);
}

struct Axis {
    std::string name;
    std::vector<std::string> values;
};

class Expansion {
public:
    Expansion(const Node& matrix, const std::string& job, config::Diagnostics& diagnostics,
              const AxisValues* late)
        : matrix_(matrix), job_(job), diagnostics_(diagnostics), given_(late) {}

    Matrix run() {
        if (!read_axes()) return {};
        if (!late_.empty() && given_ == nullptr) return open();
        if (!multiply()) return {};
        exclude();
        include();
        name_cells();
        if (cells_.empty() && !failed_ && late_.empty())
            fail(matrix_.place, "matrix_empty", fmt::format("the matrix of `{}` has no cell", job_),
                 "add a value, or exclude less");
        if (cells_.size() > k_max_cells) too_large(cells_.size());
        Matrix out;
        for (const Cell& cell : cells_)
            for (const auto& [name, value] : cell.values) out.names[name] = true;
        for (auto& entry : out.names)
            entry.second = std::all_of(cells_.begin(), cells_.end(), [&](const Cell& cell) {
                return cell.values.contains(entry.first);
            });
        if (failed_) cells_.clear();
        out.cells = std::move(cells_);
        out.late = std::move(late_);
        return out;
    }

private:
    void fail(const config::Place& place, std::string_view id, std::string message,
              std::string hint) {
        failed_ = true;
        diagnostics_.error(place, id, std::move(message), std::move(hint));
    }

    /// What is known before the values are.
    Matrix open() {
        Matrix out;
        out.is_open = true;
        for (const Axis& axis : axes_) out.names[axis.name] = true;
        if (const Node* rows = matrix_.find("include"))
            for (const Node& row : rows->items)
                for (const Member& member : row.members) {
                    if (member.value.is_scalar())
                        check_value(member.value.text, member.value.place);
                    out.names.try_emplace(member.name, false);
                }
        exclude();
        if (failed_) return {};
        out.cells.emplace_back();
        out.late = std::move(late_);
        return out;
    }

    void too_large(std::size_t count) {
        fail(matrix_.place, "matrix_too_large",
             fmt::format("the matrix of `{}` has {} cells, at most {}", job_, count, k_max_cells),
             "split the job, or exclude cells");
    }

    bool check_value(const std::string& value, const config::Place& place) {
        const bool fits = value.size() <= 128 &&
                          std::all_of(value.begin(), value.end(),
                                      [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
        if (!fits)
            fail(place, "bad_matrix_value", "a matrix value is one line of at most 128 bytes", "");
        return fits;
    }

    void add_value(Axis& axis, const std::string& value, const config::Place& place) {
        if (std::find(axis.values.begin(), axis.values.end(), value) != axis.values.end())
            fail(place, "matrix_twin",
                 fmt::format("value `{}` stands twice in axis `{}`", value, axis.name),
                 "remove one");
        axis.values.push_back(value);
    }

    bool read_axes() {
        for (const Member& member : matrix_.members) {
            if (config::find_key(config::scope_matrix, member.name) != nullptr) continue;
            Axis axis{member.name, {}};
            if (is_late(member)) {
                late_.insert(member.name);
                if (given_ != nullptr && !read_given(axis, member.value.place)) return false;
                axes_.push_back(std::move(axis));
                continue;
            }
            if (!member.value.is_list()) return false;  // the checker has said so
            for (const Node& item : member.value.items) {
                if (!item.is_scalar() || !check_value(item.text, item.place)) return false;
                add_value(axis, item.text, item.place);
            }
            if (axis.values.empty())
                fail(member.place, "matrix_empty", fmt::format("axis `{}` has no value", axis.name),
                     "add one, or remove the axis");
            axes_.push_back(std::move(axis));
        }
        return !failed_;
    }

    bool read_given(Axis& axis, const config::Place& place) {
        const auto values = given_->find(axis.name);
        if (values == given_->end()) return false;
        for (const std::string& value : values->second) {
            if (!check_value(value, place)) return false;
            add_value(axis, value, place);
        }
        return true;
    }

    bool multiply() {
        if (axes_.empty()) return true;
        std::size_t count = 1;
        for (const Axis& axis : axes_) {
            count *= axis.values.size();
            // Before `exclude`: it must not be needed to make 10^9 cells to remove them.
            if (count > 16 * k_max_cells) {
                too_large(count);
                return false;
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            Cell cell;
            std::size_t rest = i;
            for (std::size_t a = axes_.size(); a-- > 0;) {
                cell.values[axes_[a].name] = axes_[a].values[rest % axes_[a].values.size()];
                rest /= axes_[a].values.size();
            }
            cells_.push_back(std::move(cell));
        }
        return true;
    }

    bool is_axis(std::string_view name) const {
        return std::any_of(axes_.begin(), axes_.end(),
                           [&](const Axis& axis) { return axis.name == name; });
    }

    void exclude() {
        const Node* list = matrix_.find("exclude");
        if (list == nullptr) return;
        for (const Node& row : list->items) {
            bool known = !row.members.empty();
            for (const Member& member : row.members) {
                if (is_axis(member.name)) continue;
                known = false;
                fail(member.place, "unknown_axis",
                     fmt::format("`{}` is no axis of this matrix", config::shown(member.name)),
                     "exclude names axes and their values");
            }
            const std::size_t before = cells_.size();
            if (known) std::erase_if(cells_, [&](const Cell& cell) { return matches(cell, row); });
            if (known && cells_.size() == before && late_.empty())
                diagnostics_.warning(row.place, "exclude_matches_nothing",
                                     "this entry of `exclude` matches no cell",
                                     "values are compared as text: `3.10` is not `3.1`");
        }
    }

    /// Every axis that the row gives has the cell's value.
    bool matches(const Cell& cell, const Node& row) const {
        return std::all_of(row.members.begin(), row.members.end(), [&](const Member& member) {
            if (!is_axis(member.name)) return true;
            const auto found = cell.values.find(member.name);
            return found != cell.values.end() && found->second == member.value.text;
        });
    }

    void include() {
        const Node* list = matrix_.find("include");
        if (list == nullptr) return;
        if (axes_.empty()) {
            include_without_axes(*list);
            return;
        }
        for (const Node& row : list->items) {
            bool valid = true;
            for (const Member& member : row.members)
                valid = member.value.is_scalar() &&
                        check_value(member.value.text, member.value.place) && valid;
            if (!valid) continue;
            bool used = false;
            for (Cell& cell : cells_) {
                if (!matches(cell, row)) continue;
                used = true;
                for (const Member& member : row.members)
                    cell.values[member.name] = member.value.text;
            }
            if (!used) add_cell(row);
        }
    }

    void add_cell(const Node& row) {
        for (const Axis& axis : axes_) {
            if (row.find(axis.name) != nullptr) continue;
            if (!late_.empty()) return;  // it is for values that the lists do not have this time
            fail(row.place, "matrix_incomplete",
                 fmt::format("this entry matches no cell, and as a new cell it lacks axis `{}`",
                             axis.name),
                 "give every axis, or values that a cell has");
            return;
        }
        Cell cell;
        for (const Member& member : row.members) cell.values[member.name] = member.value.text;
        cells_.push_back(std::move(cell));
    }

    /// Only `include`: each entry is a cell, and its keys are the axes.
    void include_without_axes(const Node& list) {
        for (const Node& row : list.items) {
            Cell cell;
            for (const Member& member : row.members) {
                if (!member.value.is_scalar() ||
                    !check_value(member.value.text, member.value.place))
                    return;
                cell.values[member.name] = member.value.text;
                if (!is_axis(member.name)) axes_.push_back({member.name, {}});
            }
            if (!cell.values.empty()) cells_.push_back(std::move(cell));
        }
    }

    void name_cells() {
        std::set<std::string> seen;
        for (Cell& cell : cells_) {
            std::string inside;
            for (const Axis& axis : axes_) {
                const auto found = cell.values.find(axis.name);
                if (found != cell.values.end())
                    inside += (inside.empty() ? "" : ", ") + found->second;
            }
            cell.suffix = fmt::format(" ({})", inside);
            if (!seen.insert(cell.suffix).second)
                fail(matrix_.place, "matrix_twin",
                     fmt::format("two cells of `{}` would be called `{}{}`", job_, job_,
                                 cell.suffix),
                     "make their values differ");
            if (cell.suffix.size() > 300)
                fail(
                    matrix_.place, "too_long",
                    fmt::format("the values of a cell of `{}` make a name of {} bytes, at most 300",
                                job_, cell.suffix.size()),
                    "shorten them");
        }
    }

    const Node& matrix_;
    const std::string& job_;
    config::Diagnostics& diagnostics_;
    const AxisValues* given_;
    std::set<std::string> late_;
    std::vector<Axis> axes_;
    std::vector<Cell> cells_;
    bool failed_ = false;
};

}  // namespace

bool has_late_axis(const Node& matrix) {
    return std::any_of(matrix.members.begin(), matrix.members.end(), is_late);
}

Matrix expand_matrix(const Node& matrix, const std::string& job, config::Diagnostics& diagnostics,
                     const AxisValues* late) {
    return Expansion(matrix, job, diagnostics, late).run();
}

}  // namespace sluice::plan
