#pragma once
/// zstd in the seekable format (facebook/zstd, contrib/seekable_format): frames of at most 1 MiB of
/// content each, then a skippable frame with a table of their sizes. `zstd -d` unpacks it as a
/// whole; SeekableReader reads any part. Blocking, one thread per object. Memory is a block and the
/// table (8 bytes per MiB of content).

#include "pipelines/base/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::packs {

inline constexpr std::size_t k_block = 1 << 20;

/// Takes stored bytes in order.
using Put = std::function<Result<>(std::string_view bytes)>;
/// Exactly `size` stored bytes from `offset` on, or an error.
using GetAt = std::function<Result<std::string>(std::int64_t offset, std::size_t size)>;

class SeekableWriter {
public:
    explicit SeekableWriter(Put put);
    ~SeekableWriter();
    SeekableWriter(const SeekableWriter&) = delete;
    SeekableWriter& operator=(const SeekableWriter&) = delete;

    Result<> write(std::string_view bytes);
    /// The last block and the table. Nothing may follow.
    Result<> finish();
    std::int64_t bytes() const { return bytes_; }    ///< of content, so far
    std::int64_t stored() const { return stored_; }  ///< given to `put`, so far

private:
    struct Impl;
    Result<> flush();
    Result<> out(std::string_view bytes);
    Put put_;
    std::unique_ptr<Impl> impl_;
    std::int64_t bytes_ = 0, stored_ = 0;
};

class SeekableReader {
public:
    /// Reads the table. `archive_corrupt` when there is none or it does not fit `stored` bytes, or
    /// when the content is not `bytes` long.
    static Result<SeekableReader> open(GetAt get, std::int64_t stored, std::int64_t bytes);
    ~SeekableReader();
    SeekableReader(SeekableReader&&) noexcept;
    SeekableReader& operator=(SeekableReader&&) noexcept;

    /// At most `most` bytes of content at `offset`: what is left of its block. A view that holds
    /// until the next call. "" at the end.
    Result<std::string_view> read(std::int64_t offset, std::size_t most);

private:
    struct Impl;
    explicit SeekableReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// From the file's bytes.
GetAt get_from(int fd);

}  // namespace sluice::packs
