#include "server/http/reply_writer.hpp"

#include "platform/log.hpp"
#include "server/http/reply_head.hpp"

#include <fmt/format.h>
#include <sys/uio.h>

#include <atomic>
#include <random>

namespace sluice::http {
namespace asio = boost::asio;

namespace {

constexpr std::size_t k_file_piece = 256 * 1024;
// A body up to this size is copied behind its head: one buffer is cheaper than two, and one TLS
// record than two.
constexpr std::size_t k_joined = 2 * 1024;
constexpr std::size_t k_joined_tls = 14 * 1024;

using Length = ReplyFraming::Length;

ReplyFraming framing_of(const Reply& reply, const SendOptions& options, const ServerState& state) {
    ReplyFraming framing{Length::known, 0, options.close,
                         state.now_s.load(std::memory_order_relaxed)};
    if (reply.status == 204 || reply.status == 304) {
        framing.length = Length::none;
    } else if (auto* text = std::get_if<std::string>(&reply.body)) {
        framing.bytes = static_cast<std::int64_t>(text->size());
    } else if (auto* shared = std::get_if<std::shared_ptr<const std::string>>(&reply.body)) {
        framing.bytes = *shared ? static_cast<std::int64_t>((*shared)->size()) : 0;
    } else if (auto* file = std::get_if<FileBody>(&reply.body)) {
        framing.bytes = file->length;
    } else {
        framing.length = options.http10 ? Length::until_close : Length::chunked;
    }
    return framing;
}

/// What of the file is in the page cache, without waiting for the disk; -1 when that can't be told.
ssize_t read_cached(int fd, std::span<char> buffer, std::int64_t offset) {
    iovec piece{buffer.data(), buffer.size()};
    return ::preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
}

awaitable<std::size_t> read_file_piece(Connection& connection, int fd, std::span<char> buffer,
                                       std::int64_t offset) {
    if (auto cached = read_cached(fd, buffer, offset); cached > 0)
        co_return static_cast<std::size_t>(cached);
    auto work = [fd, buffer, offset]() -> std::size_t {
        auto size = ::pread(fd, buffer.data(), buffer.size(), offset);
        return size > 0 ? static_cast<std::size_t>(size) : 0;
    };
    co_return co_await runtime::run_on(*connection.state().disk, work);
}

awaitable<bool> send_file(Connection& connection, Pieces head, const FileBody& file) {
    auto size = static_cast<std::size_t>(std::min<std::int64_t>(file.length, k_file_piece));
    auto buffer = std::make_unique_for_overwrite<char[]>(size);
    std::int64_t sent = 0;
    while (sent < file.length) {
        auto want = std::min<std::int64_t>(file.length - sent, k_file_piece);
        std::span<char> space{buffer.get(), static_cast<std::size_t>(want)};
        auto got = co_await read_file_piece(connection, file.fd->get(), space, file.offset + sent);
        if (got == 0) {
            log::error("file body ended early offset={} missing={}", file.offset + sent,
                       file.length - sent);
            co_return false;
        }
        head[1] = asio::buffer(buffer.get(), got);
        if (!co_await connection.write(head)) co_return false;
        head = {};
        sent += static_cast<std::int64_t>(got);
    }
    co_return true;
}

class Stream final : public StreamWriter {
public:
    Stream(Connection& connection, bool chunked) : connection_(connection), chunked_(chunked) {}

    awaitable<bool> write(std::string bytes) override {
        if (bytes.empty()) co_return !closed();  // an empty chunk would end the body
        Pieces pieces{asio::const_buffer{}, asio::buffer(bytes), asio::const_buffer{}};
        std::array<char, 24> size_line;
        if (chunked_) {
            auto end = fmt::format_to(size_line.data(), "{:x}\r\n", bytes.size());
            pieces[0] =
                asio::buffer(size_line.data(), static_cast<std::size_t>(end - size_line.data()));
            pieces[2] = asio::buffer("\r\n", 2);
        }
        if (closed()) co_return false;
        if (connection_.write_now(pieces)) co_return true;
        co_return co_await connection_.write(pieces);
    }
    bool closed() const override { return connection_.gone(); }

private:
    Connection& connection_;
    bool chunked_;
};

awaitable<bool> send_stream(Connection& connection, Pieces head, const Producer& producer,
                            bool chunked) {
    // At once: a browser takes an event stream as open when it has the head, however late the first
    // event is.
    if (!co_await connection.write(head)) co_return false;
    Stream stream{connection, chunked};
    std::string failure;
    try {
        co_await producer(stream);
    } catch (const boost::system::system_error& thrown) {
        // How waits at a Signal end when the peer is gone or the server stops.
        if (thrown.code() == asio::error::operation_aborted) co_return false;
        failure = thrown.what();
    } catch (const std::exception& thrown) {
        failure = thrown.what();
    }
    if (!failure.empty()) {
        log::error("streamed reply failed what={}", failure);
        co_return false;
    }
    if (stream.closed()) co_return false;
    if (!chunked) co_return true;
    Pieces last{asio::buffer("0\r\n\r\n", 5)};
    co_return co_await connection.write(last);
}

}  // namespace

Reply internal_error(std::string_view where, std::string_view what) {
    static const std::uint32_t process = std::random_device{}();
    static std::atomic<std::uint32_t> count{0};
    auto id = fmt::format("{:08x}-{}", process, ++count);
    log::error("request failed id={} where={} what={}", id, where, what);
    return error_reply(
        error(Code::internal, "internal", "the server failed; its log says why under id " + id));
}

awaitable<bool> send_reply(Connection& connection, Reply& reply, SendOptions options) {
    std::string& head = connection.scratch();
    head.clear();
    auto* file = std::get_if<FileBody>(&reply.body);
    auto* producer = std::get_if<Producer>(&reply.body);
    bool usable = (!file || (file->fd && file->length >= 0)) && (!producer || *producer);
    auto framing = framing_of(reply, options, connection.state());
    if (!usable || !append_reply_head(head, reply, framing)) {
        reply = internal_error("reply",
                               usable ? "a header breaks the framing" : "a body without content");
        file = nullptr;
        producer = nullptr;
        framing = framing_of(reply, options, connection.state());
        append_reply_head(head, reply, framing);
    }
    std::string_view body;
    if (auto* text = std::get_if<std::string>(&reply.body)) body = *text;
    if (auto* shared = std::get_if<std::shared_ptr<const std::string>>(&reply.body);
        shared && *shared)
        body = **shared;
    bool bodiless = options.head_only || framing.length == Length::none;
    if (bodiless) {
        body = {};
        file = nullptr;
        producer = nullptr;
    }
    if (body.size() <= (connection.wire().tls() ? k_joined_tls : k_joined)) {
        head += body;
        body = {};
    }
    Pieces pieces{asio::buffer(head), asio::buffer(body), asio::const_buffer{}};
    if (file && file->length > 0) co_return co_await send_file(connection, pieces, *file);
    if (producer)
        co_return co_await send_stream(connection, pieces, *producer,
                                       framing.length == Length::chunked);
    if (connection.write_now(pieces)) co_return true;
    co_return co_await connection.write(pieces);
}

}  // namespace sluice::http
