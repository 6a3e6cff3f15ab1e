#pragma once
/// One direction of a shell: bytes with offsets, held until the reader has them. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::core {

class ByteStream {
public:
    static constexpr std::size_t k_held_max = 256 * 1024;

    /// Takes what is new of the piece and has room; returns the offset behind it all. A piece
    /// beyond that offset is not taken.
    std::int64_t put(std::int64_t offset, std::string_view bytes) {
        if (offset > end_ || offset < 0) return end_;
        const auto known = static_cast<std::uint64_t>(end_ - offset);
        if (known >= bytes.size()) return end_;
        bytes.remove_prefix(known);
        bytes = bytes.substr(0, k_held_max - held_.size());
        held_ += bytes;
        end_ += static_cast<std::int64_t>(bytes.size());
        return end_;
    }
    /// The reader has everything before `offset`.
    void acknowledge(std::int64_t offset) {
        if (offset <= begin() || offset > end_) return;
        held_.erase(0, static_cast<std::size_t>(offset - begin()));
    }
    /// What is held, at most `max` bytes; its offset is begin().
    std::string_view front(std::size_t max) const { return std::string_view(held_).substr(0, max); }
    std::int64_t begin() const { return end_ - static_cast<std::int64_t>(held_.size()); }
    std::int64_t end() const { return end_; }
    bool empty() const { return held_.empty(); }
    bool full() const { return held_.size() >= k_held_max; }

private:
    std::string held_;
    std::int64_t end_ = 0;
};

}  // namespace sluice::core
