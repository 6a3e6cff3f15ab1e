/// The life of a server: its port, its limits, its end.
#include "server/runtime/pool.hpp"
#include "server/runtime/signal.hpp"
#include "tests/protocol/http_fixture.hpp"

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::test;

namespace {

Handler says(std::string text) {
    return [text](Request&) -> awaitable<Reply> { co_return Reply{200, "text/plain", {}, text}; };
}

}  // namespace

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
    std::atomic<bool> release = false;
    auto handler = [&](Request& request) -> awaitable<Reply> {
        if (request.path == "/idle") co_return Reply{200, "text/plain", {}, std::string{"idle"}};
        ++inside;
        if (request.path == "/parked") {
            co_await never.wait(never.version(), 60s);
            co_return Reply{204, "", {}, {}};
        }
        auto work = [&] { eventually([&] { return release.load(); }); };
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
    release = true;
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
