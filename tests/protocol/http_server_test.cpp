/// The server as its clients and its callers know it.
#include "server/http/range.hpp"
#include "server/http/sse.hpp"
#include "server/runtime/pool.hpp"
#include "server/runtime/signal.hpp"
#include "tests/protocol/http_fixture.hpp"

#include <fcntl.h>

#include <cstdlib>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::test;

namespace {

Handler says(std::string text) {
    return [text](Request&) -> awaitable<Reply> { co_return Reply{200, "text/plain", {}, text}; };
}

/// Echoes the body after reading it whole.
Handler echoes(std::size_t max_bytes = 1 << 20) {
    return [max_bytes](Request& request) -> awaitable<Reply> {
        auto body = co_await request.body->read_all(max_bytes);
        if (!body) co_return error_reply(body.error());
        co_return Reply{200, "text/plain", {}, std::move(*body)};
    };
}

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

TEST_CASE("a connection serves one request after the other", "[http][server]") {
    TestServer server{says("hello")};
    Client client{server.port()};
    for (int i = 0; i < 3; ++i) {
        auto answer = client.ask(get("/"));
        CHECK(answer.status == 200);
        CHECK(answer.body == "hello");
        CHECK(answer.header("Connection").empty());
        CHECK(answer.header("X-Content-Type-Options") == "nosniff");
        CHECK(!answer.header("Date").empty());
    }
    CHECK(client.ask(get("/", "Connection: close\r\n")).header("Connection") == "close");
    CHECK(client.closes());
}

TEST_CASE("a thousand pipelined requests are answered in order", "[http][server]") {
    auto path = [](Request& request) -> awaitable<Reply> {
        co_return Reply{200, "text/plain", {}, request.path};
    };
    TestServer server{path};
    Client client{server.port()};
    std::string all;
    for (int i = 0; i < 1000; ++i) all += get("/" + std::to_string(i));
    std::thread sender{[&] { client.send(all); }};
    int right = 0;
    for (int i = 0; i < 1000; ++i) right += client.answer().body == "/" + std::to_string(i);
    sender.join();
    CHECK(right == 1000);
}

TEST_CASE("HTTP/1.0 gets its reply and the end of the connection", "[http][server]") {
    TestServer server{says("hello")};
    Client client{server.port()};
    auto answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(answer.status == 200);
    CHECK(answer.body == "hello");
    CHECK(client.closes());
}

TEST_CASE("HEAD has the head of GET alone", "[http][server]") {
    TestServer server{says("hello")};
    Client client{server.port()};
    client.send("HEAD / HTTP/1.1\r\nHost: ci\r\n\r\n");
    auto answer = client.answer(true);
    CHECK(answer.status == 200);
    CHECK(answer.header("Content-Length") == "5");
    CHECK(client.ask(get("/")).body == "hello");
}

TEST_CASE("204 and 304 have no body and no length", "[http][server]") {
    auto handler = [](Request& request) -> awaitable<Reply> {
        co_return Reply{
            request.path == "/204" ? 204 : 304, "text/plain", {}, std::string{"ignored"}};
    };
    TestServer server{handler};
    Client client{server.port()};
    for (auto path : {"/204", "/304"}) {
        auto answer = client.ask(get(path));
        CHECK(answer.header("Content-Length").empty());
        CHECK(answer.header("Content-Type").empty());
    }
    CHECK(client.input().empty());
}

TEST_CASE("a client that expects 100-continue gets it when the body is wanted, and not before",
          "[http][server]") {
    auto handler = [](Request& request) -> awaitable<Reply> {
        if (request.path == "/refuse")
            co_return error_reply(error(Code::unauthorized, "no_token", "who are you"));
        auto body = co_await request.body->read_all(100);
        if (!body) co_return error_reply(body.error());
        co_return Reply{200, "text/plain", {}, std::move(*body)};
    };
    TestServer server{handler};
    const std::string head =
        " HTTP/1.1\r\nHost: ci\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    {
        Client client{server.port()};
        CHECK(client.ask("POST /take" + head).status == 100);
        CHECK(client.ask("hello").body == "hello");
        CHECK(client.ask(get("/", "")).status == 200);
    }
    {
        Client client{server.port()};
        CHECK(client.ask("POST /refuse" + head).status == 401);
        CHECK(client.closes());
    }
    Client large{server.port()};
    auto answer = large.ask(
        "POST /take HTTP/1.1\r\nHost: ci\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
    CHECK(answer.status == 413);
    CHECK(large.closes());
}

TEST_CASE("bodies come with a length or in chunks", "[http][server]") {
    TestServer server{echoes(10)};
    Client client{server.port()};
    const std::string chunked = "POST / HTTP/1.1\r\nHost: ci\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(client.ask(post("/", "0123456789")).body == "0123456789");
    CHECK(client.ask(chunked + "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n").body == "hello!");
    CHECK(client.ask(chunked + "0\r\n\r\n").body == "");
    CHECK(client.ask(chunked + "a\r\n0123456789\r\n0\r\n\r\n").body == "0123456789");
    SECTION("too long by its length") {
        auto answer = client.ask(post("/", "0123456789a"));
        CHECK(answer.status == 413);
        CHECK(answer.header("Connection") == "close");
        CHECK(client.closes());
    }
    SECTION("too long in chunks") {
        CHECK(client.ask(chunked + "b\r\n0123456789a\r\n0\r\n\r\n").status == 413);
        CHECK(client.closes());
    }
    SECTION("broken off") {
        client.send("POST / HTTP/1.1\r\nHost: ci\r\nContent-Length: 5\r\n\r\nhe");
        client.finish_writing();
        CHECK(client.answer().status == 400);
    }
}

TEST_CASE("a body that nobody read is skipped when small and ends the connection when large",
          "[http][server]") {
    TestServer server{says("no")};
    Client client{server.port()};
    CHECK(client.ask(post("/", std::string(200 * 1024, 'x'))).body == "no");
    CHECK(client
              .ask("POST / HTTP/1.1\r\nHost: ci\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
              .body == "no");
    auto answer = client.ask(post("/", std::string(300 * 1024, 'x')));
    CHECK(answer.body == "no");
    CHECK(answer.header("Connection") == "close");
    CHECK(client.closes());
}

TEST_CASE("a client that refuses to be quick is cut off (S31, H7)", "[http][server]") {
    TestServer server{echoes(), impatient()};
    SECTION("nothing at all: closed") {
        Client client{server.port()};
        CHECK(client.closes());
    }
    SECTION("half a head: 408") {
        Client client{server.port()};
        auto answer = client.ask("GET / HTTP/1.1\r\nHos");
        CHECK(answer.status == 408);
        CHECK(client.closes());
    }
    SECTION("a head that drips: 408, however often a byte comes") {
        Client client{server.port()};
        std::atomic<bool> over = false;
        std::thread dripping{[&] {
            for (char c : get("/" + std::string(10000, 'a'))) {
                if (over || !client.send({&c, 1})) break;
                std::this_thread::sleep_for(5ms);
            }
        }};
        CHECK(client.answer().status == 408);
        over = true;
        dripping.join();
    }
    SECTION("idle after a request: closed") {
        Client client{server.port()};
        CHECK(client.ask(get("/")).status == 200);
        CHECK(client.closes());
    }
    SECTION("half a body: 408") {
        Client client{server.port()};
        auto answer = client.ask("POST / HTTP/1.1\r\nHost: ci\r\nContent-Length: 5\r\n\r\nhe");
        CHECK(answer.status == 408);
        CHECK(answer.body.find("body_too_slow") != std::string::npos);
        CHECK(client.closes());
    }
    SECTION("a chunked body that stops: 408") {
        Client client{server.port()};
        CHECK(client.ask("POST / HTTP/1.1\r\nHost: ci\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe")
                  .status == 408);
        CHECK(client.closes());
    }
}

TEST_CASE("a steady body may take longer than the grace", "[http][server]") {
    auto options = impatient();
    options.body_min_rate = 100;
    TestServer server{echoes(), options};
    Client client{server.port()};
    client.send("POST / HTTP/1.1\r\nHost: ci\r\nContent-Length: 400\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
        client.send(std::string(20, 'x'));
        std::this_thread::sleep_for(20ms);
    }
    CHECK(client.answer().status == 200);
}

TEST_CASE("a client that never reads holds nobody up and is cut off", "[http][server]") {
    auto big = std::make_shared<const std::string>(32 << 20, 'x');
    auto handler = [big](Request& request) -> awaitable<Reply> {
        if (request.path == "/big") co_return Reply{200, "text/plain", {}, big};
        co_return Reply{200, "text/plain", {}, std::string{"quick"}};
    };
    auto options = impatient();
    options.write_timeout = 300ms;
    TestServer server{handler, options};
    Client stalled{server.port(), 4096};
    stalled.send(get("/big"));
    Client other{server.port()};
    CHECK(other.ask(get("/")).body == "quick");
    // The server drops its share of the body: a reset, or an end before the whole.
    std::this_thread::sleep_for(700ms);
    auto answer = stalled.answer();
    CHECK(!answer.complete);
}

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
    CHECK(highest - before < std::size_t{16} << 20);
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

TEST_CASE("a handler that throws is a 500 with an id for the log", "[http][server]") {
    auto handler = [](Request& request) -> awaitable<Reply> {
        if (request.path == "/throw") throw std::runtime_error("secret detail");
        if (request.path == "/split")
            co_return Reply{200, "text/plain", {{"X", "a\r\nY: b"}}, std::string{}};
        co_return Reply{200, "text/plain", {}, std::string{"fine"}};
    };
    TestServer server{handler};
    Client client{server.port()};
    for (auto path : {"/throw", "/split"}) {
        auto answer = client.ask(get(path));
        CHECK(answer.status == 500);
        CHECK(answer.body.find("\"internal\"") != std::string::npos);
        CHECK(answer.body.find("secret") == std::string::npos);
    }
    CHECK(client.ask(get("/")).body == "fine");
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

TEST_CASE("the poll of a client that hung up ends at its signal", "[http][server]") {
    runtime::Signal signal;
    std::atomic<int> parked = 0;
    auto handler = [&](Request&) -> awaitable<Reply> {
        struct Place {
            std::atomic<int>& count;
            ~Place() { --count; }
        } place{parked};
        ++parked;
        co_await signal.wait(signal.version(), 60s);
        co_return Reply{204, "", {}, {}};
    };
    TestServer server{handler};
    Client stays{server.port()};
    stays.send(get("/"));
    {
        Client leaves{server.port()};
        leaves.send(get("/"));
        REQUIRE(eventually([&] { return parked == 2; }));
    }
    CHECK(eventually([&] { return parked == 1; }));
    signal.notify();
    CHECK(stays.answer().status == 204);
}

TEST_CASE("stop lets a running handler end, closes idle connections and wakes parked ones",
          "[http][server]") {
    runtime::Pool pool{"slow", 1};
    runtime::Signal never;
    std::atomic<int> inside = 0;
    auto handler = [&](Request& request) -> awaitable<Reply> {
        if (request.path == "/idle") co_return Reply{200, "text/plain", {}, std::string{"idle"}};
        ++inside;
        if (request.path == "/parked") {
            co_await never.wait(never.version(), 60s);
            co_return Reply{204, "", {}, {}};
        }
        auto work = [] { std::this_thread::sleep_for(300ms); };
        co_await runtime::run_on(pool, std::move(work));
        co_return Reply{200, "text/plain", {}, std::string{"done"}};
    };
    TestServer server{handler};
    Client idle{server.port()};
    CHECK(idle.ask(get("/idle")).body == "idle");
    Client working{server.port()};
    working.send(get("/work"));
    Client parked{server.port()};
    parked.send(get("/parked"));
    REQUIRE(eventually([&] { return inside == 2; }));
    server.server().stop(10s);
    CHECK(idle.closes());
    auto woken = parked.answer();
    CHECK(woken.status == 503);
    CHECK(woken.body.find("stopping") != std::string::npos);
    auto answer = working.answer();
    CHECK(answer.body == "done");
    CHECK(answer.header("Connection") == "close");
    working.close();
    parked.close();
    idle.close();
    server.join();
    CHECK(!Client{server.port()}.connected());
}

TEST_CASE("stop closes what outlasts the grace", "[http][server]") {
    runtime::Pool pool{"slow", 1};
    std::atomic<bool> inside = false;
    std::atomic<bool> release = false;
    auto handler = [&](Request&) -> awaitable<Reply> {
        inside = true;
        auto work = [&] { eventually([&] { return release.load(); }); };
        co_await runtime::run_on(pool, std::move(work));
        co_return Reply{200, "text/plain", {}, std::string{"late"}};
    };
    TestServer server{handler};
    Client client{server.port()};
    client.send(get("/"));
    REQUIRE(eventually([&] { return inside.load(); }));
    server.server().stop(50ms);
    CHECK(client.closes());
    release = true;
    server.join();
}

TEST_CASE("a port in use is named", "[http][server]") {
    boost::asio::io_context io;
    Server first{io.get_executor(), {}, says("")};
    ServerOptions options;
    options.port = first.port();
    std::string expected =
        "cannot listen on 127.0.0.1:" + std::to_string(first.port()) + ": Address already in use";
    CHECK_THROWS_WITH((Server{io.get_executor(), options, says("")}), Catch::Contains(expected));
    options.port = 0;
    options.address = "nonsense";
    CHECK_THROWS_AS((Server{io.get_executor(), options, says("")}), std::system_error);
}

TEST_CASE("connections over the limit get 503", "[http][server]") {
    ServerOptions options;
    options.max_connections = 2;
    TestServer server{says("hello"), options};
    Client one{server.port()};
    CHECK(one.ask(get("/")).status == 200);
    auto two = std::make_unique<Client>(server.port());
    CHECK(two->ask(get("/")).status == 200);
    Client three{server.port()};
    CHECK(three.answer().status == 503);
    CHECK(three.closes());
    two.reset();
    CHECK(eventually([&] { return Client{server.port()}.ask(get("/")).status == 200; }));
}

TEST_CASE("several io threads serve many clients", "[http][server]") {
    TestServer server{echoes(), {}, 3};
    std::atomic<int> right = 0;
    std::vector<std::thread> clients;
    for (int c = 0; c < 8; ++c)
        clients.emplace_back([&, c] {
            Client client{server.port()};
            for (int i = 0; i < 100; ++i) {
                auto text = std::to_string(c) + "/" + std::to_string(i);
                right += client.ask(post("/", text)).body == text;
            }
        });
    for (auto& client : clients) client.join();
    CHECK(right == 800);
}

TEST_CASE("TLS serves HTTP/1.1 from 1.2 on, with ALPN", "[http][server][tls]") {
    char folder[] = "/tmp/sluice-tls-XXXXXX";
    REQUIRE(::mkdtemp(folder));
    std::string base = folder;
    auto run = [](const std::string& command) {
        std::string output;
        FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
        char buffer[4096];
        for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
            output.append(buffer, got);
        ::pclose(pipe);
        return output;
    };
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj "
        "/CN=localhost -keyout " +
        base + "/key.pem -out " + base + "/cert.pem");
    ServerOptions options;
    options.tls_certificate = base + "/cert.pem";
    options.tls_key = base + "/key.pem";
    auto big = std::make_shared<const std::string>(500000, 'x');
    auto handler = [big](Request& request) -> awaitable<Reply> {
        if (request.path == "/big") co_return Reply{200, "text/plain", {}, big};
        auto body = co_await request.body->read_all(1 << 20);
        if (!body) co_return error_reply(body.error());
        co_return Reply{200, "text/plain", {}, (request.tls ? "tls " : "plain ") + *body};
    };
    TestServer server{handler, options};
    auto address = "127.0.0.1:" + std::to_string(server.port());
    auto client = "openssl s_client -connect " + address + " -CAfile " + base +
                  "/cert.pem -verify_return_error -ign_eof ";
    auto close = std::string{
        "printf 'POST / HTTP/1.1\\r\\nHost: ci\\r\\nContent-Length: 5\\r\\nConnection: "
        "close\\r\\n\\r\\nhello' | "};
    auto output = run(close + client + "-alpn h2,http/1.1");
    CHECK(output.find("ALPN protocol: http/1.1") != std::string::npos);
    CHECK(output.find("tls hello") != std::string::npos);
    CHECK(run(close + client + "-tls1_2").find("tls hello") != std::string::npos);
    auto old = run(close + client + "-tls1_1 -cipher ALL:@SECLEVEL=0");
    CHECK(old.find("tls hello") == std::string::npos);
    auto both =
        "printf 'GET /big HTTP/1.1\\r\\nHost: ci\\r\\n\\r\\nGET /big HTTP/1.1\\r\\nHost: "
        "ci\\r\\nConnection: close\\r\\n\\r\\n' | ";
    CHECK(run(both + client + "-quiet").size() > 1000000);

    options.tls_certificate = base + "/missing.pem";
    boost::asio::io_context io;
    CHECK_THROWS_WITH((Server{io.get_executor(), options, handler}),
                      Catch::Contains("missing.pem"));
    run("rm -r " + base);
}
