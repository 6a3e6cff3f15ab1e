#include "pipelines/reports/coverage_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace sluice::reports {
namespace {

constexpr std::uint32_t k_most = std::numeric_limits<std::uint32_t>::max();

/// 0 for what is no such number.
template <class Number>
Number number(const json::Array& row, std::size_t at) {
    if (at >= row.size() || !row[at].is_number()) return 0;
    boost::system::error_code failed;
    const auto value = row[at].to_number<std::int64_t>(failed);
    if (failed || value < 0) return 0;
    return static_cast<Number>(std::min<std::int64_t>(value, std::numeric_limits<Number>::max()));
}

/// Both in order; lines of both are added up.
std::vector<LineHits> merged(const std::vector<LineHits>& a, const std::vector<LineHits>& b) {
    std::vector<LineHits> out;
    out.reserve(std::max(a.size(), b.size()));
    auto left = a.begin();
    auto right = b.begin();
    while (left != a.end() || right != b.end()) {
        if (right == b.end() || (left != a.end() && left->line < right->line)) {
            out.push_back(*left++);
        } else if (left == a.end() || right->line < left->line) {
            out.push_back(*right++);
        } else {
            LineHits line = *left++;
            line.hits += std::min(right->hits, k_most - line.hits);
            line.branches = std::max(line.branches, right->branches);
            line.branches_covered = std::max(line.branches_covered, right->branches_covered);
            ++right;
            out.push_back(line);
        }
    }
    return out;
}

}  // namespace

FileCoverage file_coverage(const std::string& file, const std::vector<LineHits>& lines,
                           const std::optional<ChangedLines>& changes) {
    FileCoverage out{file, lines, {}, changes.has_value()};
    if (!changes) return out;
    const auto change = changes->find(file);
    if (change == changes->end()) return out;
    for (const LineHits& line : lines)
        if (hunk_of_new(change->second, static_cast<int>(line.line)))
            out.changed.push_back(line.line);
    return out;
}

json::Value to_json(const FileCoverage& file) {
    json::Array rows;
    rows.reserve(file.lines.size());
    for (const LineHits& line : file.lines) {
        json::Array row{line.line, line.hits};
        if (line.branches > 0) {
            row.emplace_back(line.branches_covered);
            row.emplace_back(line.branches);
        }
        rows.push_back(std::move(row));
    }
    json::Object out{{"file", file.file}, {"lines", std::move(rows)}};
    if (!file.changes_known) return out;
    json::Array changed;
    for (const std::uint32_t line : file.changed) changed.emplace_back(line);
    out["changed"] = std::move(changed);
    return out;
}

Result<FileCoverage> file_coverage_from_json(const json::Value& value) {
    const auto refused = [](const char* what) {
        return error(Code::invalid, "bad_coverage", fmt::format("no coverage of a file: {}", what));
    };
    if (!value.is_object()) return refused("an object is required");
    const json::Object& object = value.as_object();
    const json::Value* file = object.if_contains("file");
    const json::Value* lines = object.if_contains("lines");
    if (file == nullptr || !file->is_string()) return refused("`file` is missing");
    if (lines == nullptr || !lines->is_array()) return refused("`lines` is missing");
    FileCoverage out;
    out.file = std::string(file->as_string());
    for (const json::Value& row : lines->as_array()) {
        if (!row.is_array()) return refused("a line is a list of numbers");
        LineHits line;
        line.line = number<std::uint32_t>(row.as_array(), 0);
        line.hits = number<std::uint32_t>(row.as_array(), 1);
        line.branches_covered = number<std::uint16_t>(row.as_array(), 2);
        line.branches = number<std::uint16_t>(row.as_array(), 3);
        // Everything below relies on the order.
        if (line.line == 0 || (!out.lines.empty() && out.lines.back().line >= line.line))
            return refused("lines are not in order");
        out.lines.push_back(line);
    }
    const json::Value* changed = object.if_contains("changed");
    if (changed == nullptr || !changed->is_array()) return out;
    out.changes_known = true;
    for (std::size_t i = 0; i < changed->as_array().size(); ++i)
        out.changed.push_back(number<std::uint32_t>(changed->as_array(), i));
    std::sort(out.changed.begin(), out.changed.end());
    return out;
}

void JoinedCoverage::add(FileCoverage file) {
    changes_known_ = changes_known_ || file.changes_known;
    const auto found = files_.find(file.file);
    if (found == files_.end()) {
        std::string name = file.file;
        files_.emplace(std::move(name), std::move(file));
        return;
    }
    FileCoverage& into = found->second;
    into.lines = merged(into.lines, file.lines);
    into.changes_known = into.changes_known || file.changes_known;
    std::vector<std::uint32_t> changed;
    std::set_union(into.changed.begin(), into.changed.end(), file.changed.begin(),
                   file.changed.end(), std::back_inserter(changed));
    into.changed = std::move(changed);
}

model::CoverageReport JoinedCoverage::report() const {
    model::CoverageReport out;
    out.files = static_cast<int>(files_.size());
    if (changes_known_) out.changed_lines = out.changed_covered = 0;
    for (const auto& [name, file] : files_)
        for (const LineHits& line : file.lines) {
            const bool covered = line.hits > 0;
            ++out.lines;
            out.lines_covered += covered;
            out.branches += line.branches;
            out.branches_covered += std::min(line.branches_covered, line.branches);
            if (!changes_known_ ||
                !std::binary_search(file.changed.begin(), file.changed.end(), line.line))
                continue;
            ++*out.changed_lines;
            *out.changed_covered += covered;
        }
    return out;
}

std::string uncovered(const FileCoverage& file, const std::vector<std::uint32_t>& only) {
    std::string out;
    std::uint32_t first = 0, last = 0;
    const auto flush = [&] {
        if (first == 0) return;
        if (!out.empty()) out += ", ";
        out += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
        first = 0;
    };
    for (const LineHits& line : file.lines) {
        if (!only.empty() && !std::binary_search(only.begin(), only.end(), line.line)) continue;
        if (line.hits > 0) {
            flush();
            continue;
        }
        if (first == 0) first = line.line;
        last = line.line;
    }
    flush();
    return out;
}

}  // namespace sluice::reports
