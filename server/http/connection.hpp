#pragma once
/// What body reader, reply writer and session share of one connection: the wire, the bytes read
/// ahead, the deadline.

#include "server/http/server.hpp"
#include "server/http/wire.hpp"
#include "server/runtime/pool.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <string_view>

namespace sluice::http {

/// What all connections of a server share. The server's tick moves the times, so that a request
/// costs no look at a clock.
struct ServerState {
    ServerOptions options;
    Handler handler;
    runtime::Pool* disk = nullptr;
    std::chrono::milliseconds tick{250};
    std::atomic<std::int64_t> now_ms{0};  ///< for deadlines; stands still while the process does
    std::atomic<std::int64_t> now_s{0};   ///< since 1970, for the Date header
    std::atomic<bool> stopping{false};
};

/// On its strand, but for overdue().
class Connection {
public:
    Connection(ServerState& state, std::unique_ptr<Wire> wire)
        : state_(state), wire_(std::move(wire)) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    ServerState& state() const { return state_; }
    Wire& wire() const { return *wire_; }

    /// The next reads and writes end with operation_aborted, and timed_out() is true, once `span`
    /// is over.
    void set_deadline(std::chrono::milliseconds span);
    void clear_deadline() { deadline_.store(k_never, std::memory_order_relaxed); }
    bool timed_out() const { return timed_out_; }
    /// Any thread: the deadline has passed and expire() should run on the strand.
    bool overdue(std::int64_t now_ms) const {
        return deadline_.load(std::memory_order_relaxed) <= now_ms;
    }
    void expire();

    /// Bytes that came and aren't consumed; valid until the next fill().
    std::string_view input() const { return {buffer_.get() + begin_, end_ - begin_}; }
    void consume(std::size_t size);
    /// Reads more behind input(), with room for at least `room` bytes; no_buffer_space when input()
    /// has grown to its limit.
    boost::asio::awaitable<IoResult> fill(std::size_t room = 512);
    /// Gives memory back between requests.
    void shrink();

    /// Writes all pieces. False when the peer is gone or took nothing for the write timeout.
    boost::asio::awaitable<bool> write(Pieces pieces);
    /// Writes what goes at once and cuts it off the pieces; true when that was all. Saves a
    /// coroutine for most replies.
    bool write_now(Pieces& pieces);

    /// The peer hung up, as far as is known; set by the session's probe or a failed write.
    bool gone() const { return gone_; }
    void set_gone() { gone_ = true; }

    /// Scratch for reply heads.
    std::string& scratch() { return scratch_; }

private:
    static constexpr std::int64_t k_never = std::numeric_limits<std::int64_t>::max();

    ServerState& state_;
    std::unique_ptr<Wire> wire_;
    std::atomic<std::int64_t> deadline_{k_never};
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool timed_out_ = false;
    bool gone_ = false;
    std::string scratch_;
};

}  // namespace sluice::http
