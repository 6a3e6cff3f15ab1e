#include "pipelines/reports/coverage.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/coverage_formats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace sluice::reports {
namespace {

constexpr std::size_t k_max_files = 200'000;
constexpr std::size_t k_max_lines = 10'000'000;

void add_to(LineHits& into, const LineHits& more) {
    constexpr std::uint32_t k_most = std::numeric_limits<std::uint32_t>::max();
    into.hits = more.hits > k_most - into.hits ? k_most : into.hits + more.hits;
    into.branches = std::max(into.branches, more.branches);
    into.branches_covered = std::max(into.branches_covered, more.branches_covered);
}

}  // namespace

Result<> Coverage::add(const std::string& file, const LineHits& line) {
    if (line.line == 0) return {};
    auto& lines = files_[file];
    if (files_.size() > k_max_files || ++lines_ > k_max_lines)
        return error(Code::too_large, "bad_coverage",
                     fmt::format("more than {} files or {} lines", k_max_files, k_max_lines));
    if (!lines.empty() && lines.back().line == line.line)
        add_to(lines.back(), line);
    else
        lines.push_back(line);
    return {};
}

void Coverage::settle() {
    lines_ = 0;
    for (auto& [file, lines] : files_) {
        std::stable_sort(lines.begin(), lines.end(),
                         [](const LineHits& a, const LineHits& b) { return a.line < b.line; });
        std::size_t kept = 0;
        for (const LineHits& line : lines) {
            if (kept > 0 && lines[kept - 1].line == line.line)
                add_to(lines[kept - 1], line);
            else
                lines[kept++] = line;
        }
        lines.resize(kept);
        lines_ += kept;
    }
}

void Coverage::merge(const Coverage& more) {
    for (const auto& [file, lines] : more.files_) {
        auto& into = files_[file];
        into.insert(into.end(), lines.begin(), lines.end());
    }
    settle();
}

model::CoverageReport Coverage::report(const std::optional<ChangedLines>& changed) const {
    model::CoverageReport out;
    out.files = static_cast<int>(files_.size());
    if (changed) out.changed_lines = out.changed_covered = 0;
    for (const auto& [file, lines] : files_) {
        const auto change = changed ? changed->find(file) : ChangedLines::const_iterator{};
        const bool touched = changed && change != changed->end();
        for (const LineHits& line : lines) {
            const bool covered = line.hits > 0;
            ++out.lines;
            out.lines_covered += covered;
            out.branches += line.branches;
            out.branches_covered += std::min(line.branches_covered, line.branches);
            if (touched && hunk_of_new(change->second, static_cast<int>(line.line))) {
                ++*out.changed_lines;
                *out.changed_covered += covered;
            }
        }
    }
    return out;
}

std::optional<CoverageFormat> coverage_format(std::string_view head) {
    head = text::trim(head);
    if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
    if (head.starts_with('<')) return CoverageFormat::cobertura;
    if (head.starts_with('{')) return CoverageFormat::gcov;
    for (const std::string_view record : {"TN:", "SF:", "DA:", "FN:", "LF:", "#"})
        if (head.starts_with(record)) return CoverageFormat::lcov;
    return std::nullopt;
}

CoverageParser::CoverageParser(CoverageFormat format, PathMap paths,
                               std::function<bool(const std::string&)> exists, Coverage& into) {
    switch (format) {
        case CoverageFormat::cobertura:
            format_ = make_cobertura(std::move(paths), std::move(exists), into);
            break;
        case CoverageFormat::lcov: format_ = make_lcov(std::move(paths), into); break;
        case CoverageFormat::gcov: format_ = make_gcov(std::move(paths), into); break;
    }
}

CoverageParser::~CoverageParser() = default;

Result<> CoverageParser::feed(std::string_view bytes) {
    return format_->feed(bytes);
}

Result<> CoverageParser::finish() {
    return format_->finish();
}

}  // namespace sluice::reports
