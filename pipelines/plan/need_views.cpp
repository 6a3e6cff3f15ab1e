#include "pipelines/plan/need_views.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {
namespace {

using config::Node;

constexpr std::size_t k_max_hints = 200;

bool is_of_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '/';
}

/// What scalars that may hold an expression about `needs` say.
struct Words {
    std::set<std::string, std::less<>> all;
    std::set<std::string, std::less<>> named;  ///< X of `needs.X` and `needs['X']`
};

void collect_words(const Node& node, Words& words) {
    if (node.is_scalar() && node.text.find("needs") != std::string::npos) {
        const std::string& text = node.text;
        bool is_next = false;  // this word is named by `needs`
        for (auto begin = text.begin(); begin != text.end();) {
            begin = std::find_if(begin, text.end(), is_of_word);
            const auto end = std::find_if_not(begin, text.end(), is_of_word);
            if (begin == end) break;
            std::string word(begin, end);
            if (is_next) words.named.insert(word);
            is_next = word == "needs" && end != text.end() && (*end == '.' || *end == '[');
            words.all.insert(std::move(word));
            begin = end;
        }
    }
    for (const Node& item : node.items) collect_words(item, words);
    for (const config::Member& member : node.members) collect_words(member.value, words);
}

/// A need holds the values of callers, too, which `names` of the matrix itself do not.
bool has_values(const Cell& cell, const std::map<std::string, std::string>& values,
                const std::map<std::string, bool>& names) {
    return std::all_of(values.begin(), values.end(), [&](const auto& value) {
        if (!names.contains(value.first)) return true;
        const auto own = cell.values.find(value.first);
        return own != cell.values.end() && own->second == value.second;
    });
}

std::string axes_of(const Matrix* matrix) {
    if (matrix == nullptr) return "it has no `matrix`";
    std::string out = "it has:";
    for (const auto& [name, everywhere] : matrix->names) out += " " + name;
    return out;
}

}  // namespace

std::vector<NeedView> need_views(const Graph& graph, const Calls& calls,
                                 const config::MergedJob& job, std::size_t index,
                                 const Needables& jobs) {
    Words words;
    collect_words(job.node, words);
    for (const int call : job.step_calls) collect_words(calls.at(call).node, words);
    std::vector<NeedView> out;
    std::set<std::string> known;
    for (const std::string& id : words.all) {
        if (!graph.is_ancestor(index, id)) continue;
        known.insert(id);
        NeedView view{.id = id, .is_named = true};
        const std::string full = calls.full_id(job.call, id);
        if (const auto found = jobs.find(full); found != jobs.end()) {
            view.job = &found->second.job->node;
            view.matrix = found->second.matrix;
        }
        for (const DeclaredNeed& need : graph.needs(index))
            if (need.job == full) {
                view.optional = need.optional;
                view.by_cell = need.is_by_cell();
            }
        out.push_back(std::move(view));
    }
    if (std::includes(known.begin(), known.end(), words.named.begin(), words.named.end()))
        return out;
    for (const std::string& id : graph.ancestors(index)) {
        if (out.size() >= known.size() + k_max_hints) break;
        if (!known.contains(id)) out.push_back(NeedView{.id = id});
    }
    return out;
}

void check_needs_by_cell(const std::vector<DeclaredNeed>& needs, const Needable& own,
                         const std::vector<const Needable*>& around, const Needables& jobs,
                         config::Diagnostics& diagnostics) {
    const auto has_axis = [](const Matrix* matrix, const std::string& axis) {
        return matrix != nullptr && matrix->names.contains(axis);
    };
    const auto gives = [](const Needable& job, const std::string& axis) {
        if (job.matrix == nullptr) return false;
        const auto found = job.matrix->names.find(axis);
        return found != job.matrix->names.end() && found->second;
    };
    const auto is_given = [&](const std::string& axis) {
        return gives(own, axis) ||
               std::any_of(around.begin(), around.end(),
                           [&](const Needable* caller) { return gives(*caller, axis); });
    };
    for (const DeclaredNeed& need : needs) {
        const auto found = jobs.find(need.job);
        // What calls jobs hands its needs on to them.
        if (!need.is_by_cell() || found == jobs.end() || own.job->opens != 0) continue;
        const Matrix* theirs = found->second.matrix;
        std::vector<std::string> axes = need.axes;
        for (const auto& [axis, value] : need.values) axes.push_back(axis);
        for (const std::string& axis : axes)
            if (!has_axis(theirs, axis))
                diagnostics.error(need.place, "unknown_axis",
                                  fmt::format("`{}` has no axis `{}`", need.job, axis),
                                  axes_of(theirs));
        for (const std::string& axis : need.axes)
            if (!is_given(axis))
                diagnostics.error(
                    need.place, "unknown_axis",
                    fmt::format("a cell of `{}` has no value of axis `{}`", own.job->id, axis),
                    fmt::format("name the value: `{{ job: {}, matrix: {{ {}: value }} }}`",
                                need.job, axis));
    }
}

Need need_of_cell(const DeclaredNeed& declared, const std::string& job, const Cell& cell,
                  const Needables& jobs, config::Diagnostics& diagnostics) {
    Need need{declared.job, declared.optional, declared.values};
    for (const std::string& axis : declared.axes)
        if (const auto value = cell.values.find(axis); value != cell.values.end())
            need.matrix[axis] = value->second;
    if (need.matrix.empty() || count_cells(need, jobs) > 0) return need;
    std::string values;
    for (const auto& [axis, value] : need.matrix)
        values += (values.empty() ? "" : ", ") + axis + ": " + value;
    diagnostics.error(declared.place, "no_such_cell",
                      fmt::format("`{}{}` needs a cell of `{}` with {}, and there is none", job,
                                  cell.suffix, declared.job, values),
                      "give both the same values, or exclude the cell");
    return need;
}

std::size_t count_cells(const Need& need, const Needables& jobs) {
    const auto found = jobs.find(need.job);
    if (found == jobs.end() || found->second.matrix == nullptr) return 1;
    const Matrix& matrix = *found->second.matrix;
    // Before there are cells: one when every axis is named.
    if (matrix.is_open)
        return std::all_of(matrix.names.begin(), matrix.names.end(),
                           [&](const auto& name) {
                               return !name.second || need.matrix.contains(name.first);
                           })
                   ? 1
                   : 2;
    const auto& cells = matrix.cells;
    return static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), [&](const Cell& c) {
        return has_values(c, need.matrix, matrix.names);
    }));
}

}  // namespace sluice::plan
