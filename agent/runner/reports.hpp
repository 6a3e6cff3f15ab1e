#pragma once
/// Collects the reports of a job after its steps: those it declares and those of its kind. Foreign
/// files: never followed out of the workspace. Blocking, one thread.

#include "agent/runner/redactor.hpp"
#include "pipelines/kinds/expansion.hpp"
#include "pipelines/model/reports.hpp"
#include "pipelines/reports/ranges.hpp"
#include "platform/files.hpp"

#include <optional>
#include <vector>

namespace sluice::agent {

struct CollectOptions {
    files::Path workspace;
    /// Where full reports are written; made when it is not there.
    files::Path folder;
    /// Files and their paths inside a container, beside the workspace's own path.
    std::vector<std::string> roots;
    /// The kind runs failed tests again: a case that comes twice is another attempt.
    bool reruns = false;
    std::optional<reports::ChangedLines> changes;
    const Redactor* redactor = nullptr;  ///< masks the full reports
};

struct Collected {
    model::Reports reports;  ///< findings are counted, not compared yet
    std::vector<model::Finding> findings;
    std::vector<model::Finding> gone;  ///< of the base; filled in by the comparison
    /// A report that the kind depends on could not be read: why.
    std::string broken;
    /// Full reports, complete on the disk, in the order of reports.files.
    std::vector<files::Path> files;
};

/// What cannot be found or read becomes a line in `reports.problems`. The report of the findings
/// is not written yet: see write_findings().
Collected collect_reports(const std::vector<kinds::ExpectedReport>& wanted,
                          const CollectOptions& options);

/// After the comparison, which marks what is new.
void write_findings(Collected& collected, const CollectOptions& options);

/// Declared reports (`reports:` of the job) in the form of a kind's.
std::vector<kinds::ExpectedReport> declared_reports(const std::vector<model::ReportSpec>& specs);

}  // namespace sluice::agent
