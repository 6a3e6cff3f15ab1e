#include "server/http/request_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sluice::http {
namespace asio = boost::asio;

namespace {

constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t k_read_room = 16 * 1024;

Error over(std::size_t max_bytes) {
    return error(Code::too_large, "body_too_large",
                 fmt::format("the body is over {} bytes", max_bytes));
}

}  // namespace

RequestBody::RequestBody(Connection& connection, BodyFraming framing)
    : connection_(connection),
      framing_(framing),
      remaining_(framing.length),
      done_(!framing.chunked && framing.length == 0) {
    if (framing.chunked) decoder_ = std::make_unique<ChunkedDecoder>();
}

awaitable<Result<std::string>> RequestBody::read_all(std::size_t max_bytes) {
    if (error_) co_return *error_;
    if (!framing_.chunked && remaining_ > max_bytes) co_return failed(over(max_bytes));
    std::string body;
    std::size_t size = 0;
    while (!done_) {
        // Grows with what came, not with what was announced: a head alone must not cost the server
        // megabytes.
        auto step = std::max(size, k_read_room);
        // One byte over the limit shows whether there is more than that.
        auto end = framing_.chunked ? std::max(max_bytes + 1, max_bytes)
                                    : size + static_cast<std::size_t>(remaining_);
        if (size == body.size()) body.resize(std::min(size + step, end));
        auto got = co_await read_some(std::span{body}.subspan(size));
        if (!got) co_return got.error();
        size += *got;
        if (size > max_bytes) co_return failed(over(max_bytes));
        if (*got == 0) break;
    }
    body.resize(size);
    co_return body;
}

awaitable<Result<std::size_t>> RequestBody::read_some(std::span<char> buffer) {
    if (error_) co_return *error_;
    if (done_ || buffer.empty()) co_return std::size_t{0};
    if (std::exchange(framing_.expect_continue, false)) {
        Pieces pieces{asio::buffer(k_continue)};
        if (!co_await connection_.write(pieces))
            co_return failed(error(Code::invalid, "body_incomplete", "the client hung up"));
    }
    if (framing_.chunked) co_return co_await read_chunked(buffer);
    co_return co_await read_plain(buffer);
}

awaitable<Result<std::size_t>> RequestBody::read_plain(std::span<char> buffer) {
    buffer =
        buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), remaining_)));
    std::size_t size = 0;
    if (auto ahead = connection_.input(); !ahead.empty()) {
        size = std::min(ahead.size(), buffer.size());
        std::memcpy(buffer.data(), ahead.data(), size);
        connection_.consume(size);
    } else {
        auto [ec, read] = co_await timed_read(buffer);
        if (ec) co_return *error_;
        size = read;
    }
    remaining_ -= size;
    done_ = remaining_ == 0;
    co_return size;
}

awaitable<Result<std::size_t>> RequestBody::read_chunked(std::span<char> buffer) {
    while (true) {
        auto step = decoder_->step(connection_.input(), buffer);
        if (!step) co_return failed(step.error());
        connection_.consume(step->consumed);
        done_ = step->done;
        if (done_ || step->produced > 0) co_return step->produced;
        if (step->consumed > 0 && !connection_.input().empty()) continue;
        auto [ec, read] = co_await timed_read({});
        if (ec) co_return *error_;
    }
}

/// Into the buffer, or into the connection's when that is empty. On an error error_ says which.
awaitable<IoResult> RequestBody::timed_read(std::span<char> buffer) {
    const ServerState& state = connection_.state();
    auto earned = static_cast<std::int64_t>(received_ * 1000 /
                                            std::max<std::size_t>(state.options.body_min_rate, 1));
    auto allowance =
        std::max<std::int64_t>(state.options.body_grace.count() + earned - waited_ms_, 0);
    auto begin = state.now_ms.load(std::memory_order_relaxed);
    connection_.set_deadline(std::chrono::milliseconds{allowance});
    IoResult result;
    if (buffer.empty())
        result = co_await connection_.fill(k_read_room);
    else
        result = co_await connection_.wire().read_some(asio::buffer(buffer.data(), buffer.size()));
    connection_.clear_deadline();
    waited_ms_ += state.now_ms.load(std::memory_order_relaxed) - begin;
    received_ += std::get<1>(result);
    if (std::get<0>(result)) {
        bool slow = connection_.timed_out();
        failed(slow
                   ? error(Code::timeout, std::string{k_body_too_slow}, "the body comes too slowly")
                   : error(Code::invalid, "body_incomplete", "the client hung up within the body"));
        if (!slow && std::get<0>(result) != asio::error::eof) connection_.set_gone();
    }
    co_return result;
}

Error RequestBody::failed(Error error) {
    error_ = std::move(error);
    return *error_;
}

bool RequestBody::can_drain() const {
    if (error_ || (framing_.expect_continue && !done_)) return false;
    return framing_.chunked || remaining_ <= k_drain;
}

awaitable<bool> RequestBody::drain() {
    std::array<char, 4096> sink;
    std::size_t skipped = 0;
    while (!done_ && skipped <= k_drain) {
        auto got = co_await read_some(sink);
        if (!got) co_return false;
        skipped += *got;
    }
    co_return done_;
}

}  // namespace sluice::http
