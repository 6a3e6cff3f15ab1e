#pragma once
/// Attempt logs as files: raw bytes by offset (rules 21-23). The server's offset wins: overlap is
/// skipped, a gap is refused with the size. crc32c is kept while writing, so that a finish compares
/// without reading. Blocking: disk pool.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace sluice::logs {

/// Any thread; each log has its own lock.
class LogStore {
public:
    explicit LogStore(files::Path root);

    struct Appended {
        std::int64_t size = 0;  ///< bytes held now
        bool gap = false;       ///< offset was beyond the size: nothing was written
    };
    /// Writes what lies beyond the present size. The ack means page cache. Errors: `disk_full`,
    /// `io`.
    Result<Appended> append(AttemptId attempt, std::int64_t offset, std::string_view bytes);
    /// True once this process has touched the attempt's log.
    bool known(AttemptId attempt);
    /// Bytes held; 0 when there is no log.
    std::int64_t size(AttemptId attempt);
    /// Makes the log durable (fdatasync) and compares. False when size or crc differ.
    Result<bool> verify(AttemptId attempt, std::int64_t size, std::uint32_t crc32c);
    /// Throws the log's content away so that the runner sends it again (rule 22).
    Result<> rewind(AttemptId attempt);
    /// Forgets the open file; the log stays.
    void close(AttemptId attempt);
    /// For reading; code not_found when there is no log.
    Result<files::Fd> open(AttemptId attempt) const;

private:
    struct Log {
        std::mutex mutex;
        files::Fd fd;
        std::int64_t size = 0;
        std::uint32_t crc = 0;
        bool loaded = false;
    };
    files::Path path(AttemptId attempt) const;
    std::shared_ptr<Log> log(AttemptId attempt);
    Result<> load(AttemptId attempt, Log& log);

    files::Path root_;
    std::mutex mutex_;
    std::unordered_map<AttemptId, std::shared_ptr<Log>> live_;
};

}  // namespace sluice::logs
