/// Requests and replies as a client sees them.
#include "tests/protocol/http_fixture.hpp"

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
        CHECK(client.answer().status == 408);  // the network's fault: to be sent again
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
