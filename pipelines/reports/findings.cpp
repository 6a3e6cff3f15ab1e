#include "pipelines/reports/findings.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/finding_formats.hpp"
#include "pipelines/reports/hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace sluice::reports {
namespace {

using model::Finding;
using model::Severity;

constexpr std::size_t k_max_findings = 100'000;
constexpr std::size_t k_max_message = 2'048;
constexpr std::size_t k_max_rule = 256;
constexpr std::size_t k_max_fixes = 20;
constexpr std::size_t k_max_fix_text = 4'096;
constexpr std::size_t k_max_annotations = 50;

/// Without its spaces: a change of indentation is no new finding.
std::string squeezed(std::string_view line) {
    std::string out;
    for (const char c : line)
        if (c != ' ' && c != '\t' && c != '\r') out += c;
    return out;
}

std::string hex(std::uint64_t value) {
    return fmt::format("{:016x}", value);
}

class Lines {
public:
    explicit Lines(std::string text) : lines_(text::split(text, '\n')) {}

    bool has(int line) const { return line > 0 && static_cast<std::size_t>(line) <= lines_.size(); }
    std::string at(int line) const {
        return has(line) ? squeezed(lines_[static_cast<std::size_t>(line - 1)]) : std::string();
    }
    /// The nearest line with something in it, above (step -1) or below (1).
    std::string neighbour(int line, int step) const {
        for (int at_line = line + step; has(at_line); at_line += step)
            if (std::string text = at(at_line); !text.empty()) return text;
        return "";
    }

private:
    std::vector<std::string> lines_;
};

}  // namespace

void FindingList::add(Finding finding) {
    if (!finding.file.empty()) {
        auto path = paths_.in_workspace(finding.file);
        if (!path) {
            ++outside_;
            return;
        }
        finding.file = std::move(*path);
    }
    finding.tool = text::sanitize_utf8(finding.tool, k_max_rule);
    finding.rule = text::sanitize_utf8(finding.rule, k_max_rule);
    finding.message = text::sanitize_utf8(text::trim(finding.message), k_max_message);
    for (int* number : {&finding.line, &finding.column, &finding.end_line, &finding.end_column})
        *number = std::max(0, *number);
    bool whole = finding.fixes.size() <= k_max_fixes;
    for (model::FixEdit& fix : finding.fixes) {
        auto path = fix.file.empty() ? finding.file : paths_.in_workspace(fix.file);
        whole = whole && path && fix.text.size() <= k_max_fix_text &&
                !text::find_invalid_utf8(fix.text) && fix.line > 0 && fix.column >= 0 &&
                fix.end_line >= 0 && fix.end_column >= 0;
        if (path) fix.file = std::move(*path);
    }
    if (!whole) finding.fixes.clear();  // half a fix breaks the source
    std::uint64_t key = hash64(finding.tool, hash64(finding.rule, hash64(finding.message)));
    key = hash64(fmt::format("{}:{}:{}", finding.file, finding.line, finding.column), key);
    if (findings_.size() >= k_max_findings) {
        truncated_ = truncated_ || !seen_.contains(key);
        return;
    }
    if (seen_.insert(key).second) findings_.push_back(std::move(finding));
}

FindingParser::FindingParser(FindingFormat format, std::string tool, FindingList& into) {
    switch (format) {
        case FindingFormat::sarif: format_ = make_sarif(std::move(tool), into); return;
        case FindingFormat::cppcheck: format_ = make_cppcheck(into); return;
        case FindingFormat::gnu:
        case FindingFormat::mypy:
        case FindingFormat::clang_format:
        case FindingFormat::flake8:
        case FindingFormat::yamllint:
            format_ = make_text_findings(format, std::move(tool), into);
            return;
        case FindingFormat::findings:
        case FindingFormat::ruff:
        case FindingFormat::pylint:
        case FindingFormat::eslint:
        case FindingFormat::shellcheck:
        case FindingFormat::hadolint:
            format_ = make_json_findings(format, std::move(tool), into);
            return;
    }
}

FindingParser::~FindingParser() = default;

Result<> FindingParser::feed(std::string_view bytes) {
    return format_->feed(bytes);
}

Result<> FindingParser::finish() {
    return format_->finish();
}

void add_fingerprints(std::vector<Finding>& findings,
                      const std::function<std::optional<std::string>(const std::string&)>& read) {
    std::map<std::string, std::vector<Finding*>> by_file;
    for (Finding& finding : findings)
        if (!finding.file.empty()) by_file[finding.file].push_back(&finding);
    for (const auto& [file, of_file] : by_file) {
        const auto text = read(file);
        if (!text) continue;
        const Lines lines(*text);
        for (Finding* finding : of_file) {
            // What is said about the file as a whole keeps its first line as its text.
            const int line = std::max(1, finding->line);
            if (!lines.has(line)) continue;
            const std::uint64_t key =
                hash64(lines.at(line), hash64(finding->rule, hash64(finding->tool)));
            finding->line_key = hex(key);
            finding->fingerprint =
                hex(hash64(lines.neighbour(line, 1), hash64(lines.neighbour(line, -1), key)));
        }
    }
}

model::FindingReport summarise(const std::vector<Finding>& findings) {
    model::FindingReport out;
    out.total = static_cast<int>(findings.size());
    std::vector<const Finding*> order;
    for (const Finding& finding : findings) {
        switch (finding.severity) {
            case Severity::error: ++out.errors; break;
            case Severity::warning: ++out.warnings; break;
            case Severity::note: ++out.notes; break;
        }
        ++out.by_tool[finding.tool];
        if (finding.is_new && *finding.is_new) out.added = out.added.value_or(0) + 1;
        if (finding.is_new && !out.added) out.added = 0;
        order.push_back(&finding);
    }
    const auto rank = [](const Finding* finding) {
        return std::pair(!finding->is_new.value_or(true), -static_cast<int>(finding->severity));
    };
    const std::size_t count = std::min(order.size(), k_max_annotations);
    std::stable_sort(order.begin(), order.end(),
                     [&](const Finding* a, const Finding* b) { return rank(a) < rank(b); });
    for (std::size_t i = 0; i < count; ++i) {
        out.annotations.push_back(*order[i]);
        out.annotations.back().fixes.clear();  // they are in the full report
    }
    return out;
}

}  // namespace sluice::reports
