// First byte: the size of pieces. The rest as a coverage report in whatever format its head says →
// the same lines however it is cut, totals that add up, or a refusal.
#include "pipelines/reports/coverage.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

Result<reports::Coverage> parse(reports::CoverageFormat format, std::string_view text,
                                std::size_t piece) {
    reports::Coverage coverage;
    reports::CoverageParser parser(format, {{"/ws"}, ""}, {}, coverage);
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        if (auto fed = parser.feed(text.substr(0, piece)); !fed) return fed.error();
    if (auto done = parser.finish(); !done) return done.error();
    coverage.settle();
    return coverage;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto format = reports::coverage_format(text);
    if (!format) return 0;
    const auto whole = parse(*format, text, text.size() + 1);
    const auto pieces = parse(*format, text, data[0] % 64 + 1u);
    require(whole.has_value() == pieces.has_value());
    if (!whole) return 0;
    require(whole->files() == pieces->files());
    const auto report = whole->report(reports::ChangedLines{{"a.c", {"a.c", {{1, 1, 1, 5}}}}});
    require(report.lines_covered <= report.lines && report.branches_covered <= report.branches);
    require(*report.changed_covered <= *report.changed_lines);
    for (const auto& [file, lines] : whole->files()) {
        require(!file.empty() && file[0] != '/');
        for (std::size_t i = 1; i < lines.size(); ++i) require(lines[i - 1].line < lines[i].line);
    }
    return 0;
}
