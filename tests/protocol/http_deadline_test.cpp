/// Clients that are slow on purpose (S31, H7).
#include "tests/protocol/http_fixture.hpp"

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::test;

namespace {

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

}  // namespace

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
    options.body_grace = 500ms;
    options.body_min_rate = 100;
    TestServer server{echoes(), options};
    Client client{server.port()};
    client.send("POST / HTTP/1.1\r\nHost: ci\r\nContent-Length: 400\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
        client.send(std::string(20, 'x'));
        std::this_thread::sleep_for(40ms);
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
    CHECK(eventually([&] { return stalled.was_reset(); }));
}
