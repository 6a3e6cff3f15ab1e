#pragma once
/// The jobs of a run by id, with the cells that a need means. Pure, one thread at a time.

#include "pipelines/plan/advance.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::plan {

/// Indices into the jobs.
using Cells = std::vector<std::size_t>;

/// Who stands where: cells by the job they belong to, and by the values of their matrix.
class JobIndex {
public:
    explicit JobIndex(std::span<const JobNow> jobs);

    /// The cells of a job with all that it called or generated; for one of these the job alone.
    const Cells& cells(const std::string& id, const std::string& reader) const;
    /// The cells that the need means to the reader. Every axis is looked through once, not once per
    /// need: a matrix of 256 cells that needs another one cell by cell would cost 65,536 looks per
    /// call.
    const Cells& cells(const Need& need, const std::string& reader);

private:
    std::optional<std::string> values_of(std::size_t job,
                                         const std::map<std::string, std::string>& axes) const;

    std::span<const JobNow> jobs_;
    std::map<std::string, Cells> by_base_;
    std::map<std::string, Cells> groups_;  ///< of ids that others begin with
    std::map<std::string, std::map<std::string, Cells>> by_axes_;
};

}  // namespace sluice::plan
