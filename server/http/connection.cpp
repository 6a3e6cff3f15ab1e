#include "server/http/connection.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http {
namespace asio = boost::asio;

namespace {

constexpr std::size_t k_first_buffer = 2 * 1024;  // most heads; what an idle connection holds
constexpr std::size_t k_largest_buffer = 32 * 1024;
constexpr std::size_t k_kept_scratch = 4 * 1024;

void advance(Pieces& pieces, std::size_t size) {
    for (auto& piece : pieces) {
        auto step = std::min(size, piece.size());
        piece += step;
        size -= step;
    }
}

bool all_empty(const Pieces& pieces) {
    return std::all_of(pieces.begin(), pieces.end(),
                       [](const auto& piece) { return piece.size() == 0; });
}

}  // namespace

void Connection::set_deadline(std::chrono::milliseconds span) {
    timed_out_ = false;
    // One tick on top: the time is up to a tick old, and nobody is cut off early.
    auto due = state_.now_ms.load(std::memory_order_relaxed) + span.count() + state_.tick.count();
    deadline_.store(due, std::memory_order_relaxed);
}

void Connection::expire() {
    // The strand may have set another deadline since overdue() was seen.
    if (!overdue(state_.now_ms.load(std::memory_order_relaxed))) return;
    clear_deadline();
    timed_out_ = true;
    wire_->cancel();
}

void Connection::consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
}

asio::awaitable<IoResult> Connection::fill(std::size_t room) {
    if (capacity_ - end_ < room && begin_ > 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (capacity_ - end_ < room) {
        auto larger = std::max({k_first_buffer, capacity_ * 2, end_ + room});
        larger = std::min(larger, k_largest_buffer);
        if (larger <= end_) co_return IoResult{asio::error::no_buffer_space, 0};
        if (larger > capacity_) {
            auto grown = std::make_unique_for_overwrite<char[]>(larger);
            if (end_ > 0) std::memcpy(grown.get(), buffer_.get(), end_);
            buffer_ = std::move(grown);
            capacity_ = larger;
        }
    }
    auto [ec, size] =
        co_await wire_->read_some(asio::buffer(buffer_.get() + end_, capacity_ - end_));
    end_ += size;
    co_return IoResult{ec, size};
}

void Connection::shrink() {
    if (begin_ == end_ && capacity_ > 2 * k_first_buffer) {
        buffer_.reset();
        capacity_ = begin_ = end_ = 0;
    }
    if (scratch_.capacity() > k_kept_scratch) std::string{}.swap(scratch_);
}

bool Connection::write_now(Pieces& pieces) {
    advance(pieces, wire_->write_now(pieces));
    return all_empty(pieces);
}

asio::awaitable<bool> Connection::write(Pieces pieces) {
    while (!gone_ && !write_now(pieces)) {
        set_deadline(state_.options.write_timeout);
        auto [ec, size] = co_await wire_->write_some(pieces);
        clear_deadline();
        if (ec) {
            gone_ = true;
            if (timed_out_) wire_->reset();
            break;
        }
        advance(pieces, size);
        if (all_empty(pieces)) break;
    }
    co_return !gone_;
}

}  // namespace sluice::http
