#pragma once
/// Full reports of attempts as files beside the logs: what a runner uploaded, compressed by zstd.
/// Blocking: disk pool. Any thread.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/json.hpp"
#include "platform/files.hpp"

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

    struct Page {
        std::vector<json::Value> items;
        bool more = false;  ///< there are items behind these
    };
    /// `limit` items from the one with number `offset` (from 0). Stops after 256 MiB of text.
    Result<Page> page(AttemptId attempt, std::string_view name, std::int64_t offset,
                      std::int64_t limit) const;

private:
    files::Path path(AttemptId attempt, std::string_view name) const;
    files::Path root_;
};

}  // namespace sluice::logs
