/// Bodies that are larger than memory, files and event streams.
#include "server/http/range.hpp"
#include "server/http/sse.hpp"
#include "server/runtime/signal.hpp"
#include "tests/protocol/http_fixture.hpp"

#include <cstdlib>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::test;

namespace {

ServerOptions impatient() {
    ServerOptions options;
    options.header_timeout = 100ms;
    options.idle_timeout = 200ms;
    options.body_grace = 100ms;
    options.write_timeout = 100ms;
    return options;
}

/// Resident size of this process.
std::size_t resident_bytes() {
    FILE* file = std::fopen("/proc/self/statm", "r");
    unsigned long total = 0, resident = 0;
    if (std::fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
    std::fclose(file);
    return resident * 4096;
}

}  // namespace

TEST_CASE("a streamed reply stops with its reader", "[http][server]") {
    std::atomic<bool> ended = false;
    auto handler = [&](Request&) -> awaitable<Reply> {
        Producer producer = [&](StreamWriter& out) -> awaitable<void> {
            while (true) {
                bool taken = co_await out.write(std::string(64 * 1024, 'x'));
                if (!taken) break;
            }
            ended = true;
        };
        co_return Reply{200, "text/plain", {}, std::move(producer)};
    };
    auto options = impatient();
    TestServer server{handler, options};
    SECTION("that went away") {
        Client client{server.port()};
        client.send(get("/"));
        CHECK(client.receive_until("xxxx"));
        client.close();
        CHECK(eventually([&] { return ended.load(); }));
    }
    SECTION("that doesn't read") {
        Client client{server.port(), 4096};
        client.send(get("/"));
        CHECK(eventually([&] { return ended.load(); }));
    }
}

TEST_CASE("a hundred megabytes go both ways in little memory", "[http][server]") {
    constexpr std::size_t total = 100 << 20;
    auto handler = [](Request& request) -> awaitable<Reply> {
        if (request.method == Method::post) {
            std::string buffer(64 * 1024, '\0');
            std::size_t sum = 0;
            while (true) {
                auto got = co_await request.body->read_some(buffer);
                if (!got) co_return error_reply(got.error());
                if (*got == 0) break;
                sum += *got;
            }
            co_return Reply{200, "text/plain", {}, std::to_string(sum)};
        }
        Producer producer = [](StreamWriter& out) -> awaitable<void> {
            for (std::size_t sent = 0; sent < total; sent += 256 * 1024) {
                bool taken = co_await out.write(std::string(256 * 1024, 'y'));
                if (!taken) co_return;
            }
        };
        co_return Reply{200, "text/plain", {}, std::move(producer)};
    };
    TestServer server{handler};
    Client client{server.port()};
    auto before = resident_bytes();
    std::size_t highest = before;
    SECTION("up, with a length") {
        client.send("POST / HTTP/1.1\r\nHost: ci\r\nContent-Length: " + std::to_string(total) +
                    "\r\n\r\n");
        std::string piece(1 << 20, 'x');
        for (int i = 0; i < 100; ++i) {
            REQUIRE(client.send(piece));
            highest = std::max(highest, resident_bytes());
        }
        CHECK(client.answer().body == std::to_string(total));
    }
    SECTION("up, in chunks") {
        client.send("POST / HTTP/1.1\r\nHost: ci\r\nTransfer-Encoding: chunked\r\n\r\n");
        std::string piece = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
        for (int i = 0; i < 100; ++i) {
            REQUIRE(client.send(piece));
            highest = std::max(highest, resident_bytes());
        }
        CHECK(client.ask("0\r\n\r\n").body == std::to_string(total));
    }
    SECTION("down") {
        client.send(get("/"));
        REQUIRE(client.receive_until("\r\n\r\n"));
        std::size_t received = 0;
        while (client.input().find("\r\n0\r\n\r\n") == std::string::npos) {
            received += client.input().size() - std::min<std::size_t>(client.input().size(), 16);
            if (client.input().size() > 16) client.input().erase(0, client.input().size() - 16);
            REQUIRE(client.receive());
            highest = std::max(highest, resident_bytes());
        }
        received += client.input().size();
        CHECK(received > total);
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(highest - before < std::size_t{16} << 20);  // the sanitizers keep what was freed
#endif
}

TEST_CASE("a file is sent by pieces, whole and in part", "[http][server]") {
    char path[] = "/tmp/sluice-http-XXXXXX";
    auto fd = std::make_shared<files::Fd>(::mkstemp(path));
    ::unlink(path);
    std::string content(700 * 1024, '\0');
    for (std::size_t i = 0; i < content.size(); ++i)
        content[i] = static_cast<char>('a' + i * 7 % 26);
    REQUIRE(files::write_at(fd->get(), content, 0));
    auto handler = [&](Request& request) -> awaitable<Reply> {
        auto size = static_cast<std::int64_t>(content.size());
        if (request.path == "/short")
            co_return Reply{200, "text/plain", {}, FileBody{fd, 0, size + 10}};
        co_return file_reply(fd, size, "text/plain", request.header("range"));
    };
    TestServer server{handler};
    Client client{server.port()};
    CHECK(client.ask(get("/")).body == content);
    auto part = client.ask(get("/", "Range: bytes=300000-600000\r\n"));
    CHECK(part.status == 206);
    CHECK(part.header("Content-Range") == "bytes 300000-600000/716800");
    CHECK(part.body == content.substr(300000, 300001));
    CHECK(client.ask(get("/", "Range: bytes=9-1\r\n")).status == 416);
    client.send("HEAD / HTTP/1.1\r\nHost: ci\r\n\r\n");
    CHECK(client.answer(true).header("Content-Length") == "716800");
    // Cut off rather than passed off as whole.
    CHECK(!client.ask(get("/short")).complete);
}

TEST_CASE("a stream that throws is cut, never ended as if complete", "[http][server]") {
    auto handler = [](Request&) -> awaitable<Reply> {
        Producer producer = [](StreamWriter& out) -> awaitable<void> {
            co_await out.write("half");
            throw std::runtime_error("lost the other half");
        };
        co_return Reply{200, "text/plain", {}, std::move(producer)};
    };
    TestServer server{handler};
    Client client{server.port()};
    auto answer = client.ask(get("/"));
    CHECK(answer.body == "half");
    CHECK(!answer.complete);
}

TEST_CASE("events come as they happen, heartbeats between them", "[http][server]") {
    runtime::Signal signal;
    std::atomic<bool> ended = false;
    auto handler = [&](Request&) -> awaitable<Reply> {
        co_return sse_reply([&](StreamWriter& out) -> awaitable<void> {
            struct AtEnd {
                std::atomic<bool>& flag;
                ~AtEnd() { flag = true; }
            } at_end{ended};
            auto seen = signal.version();
            while (true) {
                bool news = co_await wait_for_news(out, signal, seen, 20ms);
                if (!news) co_return;
                seen = signal.version();
                auto event =
                    format_sse({std::to_string(seen), "", "news"});  // GCC 12: named, then moved
                bool taken = co_await out.write(std::move(event));
                if (!taken) co_return;
            }
        });
    };
    TestServer server{handler};
    Client client{server.port()};
    client.send(get("/"));
    REQUIRE(client.receive_until("\r\n\r\n"));
    CHECK(client.receive_until(":\n\n"));
    signal.notify();
    CHECK(client.receive_until("id: 1\ndata: news\n\n"));
    signal.notify();
    CHECK(client.receive_until("id: 2\ndata: news\n\n"));
    client.close();
    CHECK(eventually([&] { return ended.load(); }));
}
