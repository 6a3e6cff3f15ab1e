#pragma once
/// Coverage of lines and branches: Cobertura XML, lcov, gcov JSON → hits per line and file. Foreign
/// bytes: at most 512 MiB, 200,000 files, 10 million lines. Pure, any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"
#include "pipelines/reports/paths.hpp"
#include "pipelines/reports/ranges.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::reports {

struct LineHits {
    std::uint32_t line = 0;
    std::uint32_t hits = 0;  ///< saturates
    std::uint16_t branches = 0, branches_covered = 0;
    bool operator==(const LineHits&) const = default;
};

/// Lines that can be covered, by file. Adding a line again adds its hits; of branches the better
/// covered count stays.
class Coverage {
public:
    /// Refused with `too_large` at the limits.
    Result<> add(const std::string& file, const LineHits& line);
    /// Sorts what was added; before that, files() is not in order.
    void settle();
    const std::map<std::string, std::vector<LineHits>>& files() const { return files_; }
    void merge(const Coverage& more);
    /// Totals; with `changed`, also of the lines that the change touched. After settle().
    model::CoverageReport report(const std::optional<ChangedLines>& changed) const;

private:
    std::map<std::string, std::vector<LineHits>> files_;
    std::size_t lines_ = 0;
};

enum class CoverageFormat { cobertura, lcov, gcov };

/// By the first bytes of a file: `<`, `{`, or a record of lcov. Nothing when it is none of them.
std::optional<CoverageFormat> coverage_format(std::string_view head);

/// Feed the file in pieces of any size, then finish(). Files outside of the workspace (the standard
/// library, the interpreter's packages) are left out.
class CoverageParser {
public:
    /// `exists` helps where a format leaves open which folder a name starts from; may be empty.
    CoverageParser(CoverageFormat format, PathMap paths,
                   std::function<bool(const std::string&)> exists, Coverage& into);
    ~CoverageParser();
    CoverageParser(const CoverageParser&) = delete;
    CoverageParser& operator=(const CoverageParser&) = delete;

    /// Refused with id `bad_coverage`.
    Result<> feed(std::string_view bytes);
    Result<> finish();

    struct Format;  ///< one of the three readers

private:
    std::unique_ptr<Format> format_;
};

}  // namespace sluice::reports
