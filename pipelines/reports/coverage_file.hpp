#pragma once
/// One file of a full coverage report, as it is uploaded, joined over shards and shown. Pure
/// values.

#include "pipelines/reports/coverage.hpp"

#include <map>
#include <string>
#include <vector>

namespace sluice::reports {

struct FileCoverage {
    std::string file;
    std::vector<LineHits> lines;         ///< in order
    std::vector<std::uint32_t> changed;  ///< those that the change touched; in order
    bool changes_known = false;          ///< else `changed` says nothing
    bool operator==(const FileCoverage&) const = default;
};

FileCoverage file_coverage(const std::string& file, const std::vector<LineHits>& lines,
                           const std::optional<ChangedLines>& changes);

/// `{"file": "a.py", "lines": [[1, 3], [2, 0, 1, 2]], "changed": [2]}`: line, hits, and of branches
/// how many were taken and how many there are.
json::Value to_json(const FileCoverage& file);
Result<FileCoverage> file_coverage_from_json(const json::Value& value);

/// Coverage of several jobs that ran parts of the same tests.
class JoinedCoverage {
public:
    void add(FileCoverage file);
    model::CoverageReport report() const;
    const std::map<std::string, FileCoverage>& files() const { return files_; }

private:
    std::map<std::string, FileCoverage> files_;
    bool changes_known_ = false;
};

/// Lines without a hit as ranges for people: `12-15, 20`. Lines that can't be covered don't break a
/// range. `only`, if not empty, names the lines that are meant, in order.
std::string uncovered(const FileCoverage& file, const std::vector<std::uint32_t>& only = {});

}  // namespace sluice::reports
