#pragma once
/// Reads a request's body from its connection when the handler asks for it.

#include "server/http/chunked.hpp"
#include "server/http/connection.hpp"

namespace sluice::http {

struct BodyFraming {
    bool chunked = false;
    std::uint64_t length = 0;
    bool expect_continue = false;  ///< the client waits for "100 Continue" before it sends
};

/// On the connection's strand.
class RequestBody final : public BodyReader {
public:
    RequestBody(Connection& connection, BodyFraming framing);

    awaitable<Result<std::string>> read_all(std::size_t max_bytes) override;
    awaitable<Result<std::size_t>> read_some(std::span<char> buffer) override;

    /// After the handler: the rest of the body may be skipped by drain(), so that another request
    /// can follow.
    bool can_drain() const;
    /// Skips at most k_drain bytes; false when that wasn't enough or failed: the connection must
    /// close.
    awaitable<bool> drain();
    bool done() const { return done_; }

    static constexpr std::size_t k_drain = 256 * 1024;

private:
    awaitable<IoResult> timed_read(std::span<char> buffer);
    awaitable<Result<std::size_t>> read_chunked(std::span<char> buffer);
    awaitable<Result<std::size_t>> read_plain(std::span<char> buffer);
    Error failed(Error error);

    Connection& connection_;
    BodyFraming framing_;
    std::uint64_t remaining_;  // without chunked
    std::unique_ptr<ChunkedDecoder> decoder_;
    bool done_;
    std::optional<Error> error_;
    std::uint64_t received_ = 0;
    std::int64_t waited_ms_ = 0;  // for the peer alone: a slow handler is not its fault
};

}  // namespace sluice::http
