#pragma once
/// Full reports of attempts as files beside the logs: what a runner uploaded, compressed by zstd.
/// Blocking: disk pool. Any thread.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/json.hpp"
#include "platform/files.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::logs {

class ReportStore {
public:
    explicit ReportStore(files::Path root) : root_(std::move(root)) {}

    /// Keeps the bytes under the name. The same bytes again change nothing; others replace them.
    /// Refused with `bad_digest` when they are not what `sha256` (hex) says, or are no zstd.
    Result<> put(AttemptId attempt, std::string_view name, std::string_view sha256,
                 std::string_view bytes);
    /// As it was uploaded; code not_found when there is none.
    Result<std::string> read(AttemptId attempt, std::string_view name) const;
    bool has(AttemptId attempt, std::string_view name) const;

    /// Every item of the report, of all those attempts one after another: shards of a job have a
    /// report each. Attempts without one are passed over; code not_found when none has it.
    /// `bad_report` at damage and beyond 256 MiB of text.
    Result<> each(std::span<const AttemptId> attempts, std::string_view name,
                  const std::function<void(json::Value&&)>& take) const;

private:
    Result<> each_of(std::string_view bytes, std::size_t& total,
                     const std::function<void(json::Value&&)>& take) const;
    files::Path path(AttemptId attempt, std::string_view name) const;
    files::Path root_;
};

}  // namespace sluice::logs
