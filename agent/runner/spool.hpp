#pragma once
/// The whole log of an attempt on disk, kept until the server has recorded the finish (rule 21).
/// append() from one thread; size(), crc() and read_at() from any.

#include "platform/files.hpp"

#include <atomic>
#include <mutex>
#include <span>

namespace sluice::agent {

class Spool {
public:
    /// Opens or creates; an existing file is continued (its crc is computed by reading it). `limit`
    /// 0 = none.
    static Result<std::unique_ptr<Spool>> open(const files::Path& path, std::int64_t limit);

    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    /// Appends; over the limit the rest of everything is dropped after one visible line
    /// `truncated@N`. Refused only when the disk refuses (id `disk_full` …); what was written
    /// before stays.
    Result<> append(std::string_view bytes);
    /// A line of our own, `sluice: …`, on a line of its own.
    Result<> note(std::string_view line);

    std::int64_t size() const { return size_.load(std::memory_order_acquire); }
    /// CRC-32C of the first size() bytes, with that size.
    std::pair<std::int64_t, std::uint32_t> size_and_crc() const;
    /// Bytes read, 0 at the end.
    Result<std::size_t> read_at(std::int64_t offset, std::span<char> into) const;
    bool truncated() const { return truncated_; }
    bool at_line_start() const { return at_line_start_; }

private:
    Spool(files::Fd fd, std::int64_t limit) : fd_(std::move(fd)), limit_(limit) {}
    Result<> write(std::string_view bytes);

    files::Fd fd_;
    std::int64_t limit_;
    std::atomic<std::int64_t> size_{0};
    mutable std::mutex mutex_;  // size and crc as a pair
    std::uint32_t crc_ = 0;
    bool truncated_ = false;
    bool at_line_start_ = true;
};

}  // namespace sluice::agent
