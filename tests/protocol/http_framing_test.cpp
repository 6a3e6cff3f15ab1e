/// What the server answers to requests that mean to be misunderstood (R1, R2, H1–H8).
#include "tests/protocol/http_fixture.hpp"

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http::test;

namespace {

/// Counts its calls and echoes path, headers and body.
struct Echo {
    std::atomic<int> calls{0};

    Handler handler() {
        return [this](Request& request) -> awaitable<Reply> {
            ++calls;
            auto body = co_await request.body->read_all(1 << 20);
            if (!body) co_return error_reply(body.error());
            std::string text = request.path + "\n";
            for (const auto& [name, value] : request.headers) text += name + ": " + value + "\n";
            for (const auto& name : request.repeated) text += "repeated " + name + "\n";
            co_return Reply{200, "text/plain", {}, text + "body=" + *body};
        };
    }
};

}  // namespace

TEST_CASE("each framing of R1 gets 400 bad_framing, then the connection closes",
          "[http][framing]") {
    Echo echo;
    TestServer server{echo.handler()};
    const std::string start = "POST /x HTTP/1.1\r\nHost: ci\r\n";
    const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: ci\r\n\r\n";
    for (const std::string& request : std::vector<std::string>{
             start + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
             start + "Transfer-Encoding: chunked, identity\r\nContent-Length: 3\r\n\r\nabc",
             start + "Transfer-Encoding: xchunked\r\n\r\n",
             start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
             start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             start + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
             start + "Content-Length: +3\r\n\r\nabc",
             start + "X-A: b\r\n c\r\n\r\n",
             start + "Content-Length : 3\r\n\r\nabc",
             "POST /x HTTP/1.0\r\nHost: ci\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             "GET /x HTTP/1.1\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: ci\r\nHost: evil\r\n\r\n",
             "get /x HTTP/1.1\r\nHost: ci\r\n\r\n",
             "GET /x HTTP/1.1\nHost: ci\n\n",
         }) {
        INFO(request);
        Client client{server.port()};
        auto answer = client.ask(request + smuggled);
        CHECK(answer.status == 400);
        CHECK(answer.body.find("bad_framing") != std::string::npos);
        CHECK(answer.header("Connection") == "close");
        CHECK(client.closes());
    }
    CHECK(echo.calls == 0);
}

TEST_CASE("chunked bodies that are malformed get 400, then the connection closes",
          "[http][framing]") {
    Echo echo;
    TestServer server{echo.handler()};
    for (const std::string& body :
         std::vector<std::string>{"0x5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n",
                                  "FFFFFFFFFFFFFFFFF\r\n", "5\nhello\n0\n\n      \r\n"}) {
        INFO(body);
        Client client{server.port()};
        auto answer =
            client.ask("POST /x HTTP/1.1\r\nHost: ci\r\nTransfer-Encoding: chunked\r\n\r\n" + body +
                       "GET /smuggled HTTP/1.1\r\nHost: ci\r\n\r\n");
        CHECK(answer.status == 400);
        CHECK(answer.body.find("bad_framing") != std::string::npos);
        CHECK(client.closes());
    }
}

TEST_CASE("trailers never become headers (R2, H2)", "[http][framing]") {
    Echo echo;
    TestServer server{echo.handler()};
    Client client{server.port()};
    auto answer = client.ask(
        "POST /x HTTP/1.1\r\nHost: ci\r\nTransfer-Encoding: chunked\r\nTrailer: "
        "Authorization\r\n\r\n"
        "5\r\nhello\r\n0\r\nAuthorization: Bearer evil\r\nX-Hub-Signature-256: sha256=00\r\nHost: "
        "evil\r\n\r\n");
    CHECK(answer.status == 200);
    CHECK(answer.body.find("body=hello") != std::string::npos);
    CHECK(answer.body.find("evil") == std::string::npos);
    CHECK(answer.body.find("signature") == std::string::npos);
    CHECK(client.ask(get("/again")).status == 200);
}

TEST_CASE("heads over the limits are refused (H3, H5, H6, H8, H12)", "[http][framing]") {
    Echo echo;
    ServerOptions options;
    options.hosts = {"ci"};
    TestServer server{echo.handler(), options};
    std::string many;
    for (int i = 0; i < 65; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
    struct Row {
        std::string request;
        int status;
        std::string id;
    };
    for (const auto& row : std::vector<Row>{
             {get("/", "X: " + std::string(9 * 1024, 'x') + "\r\n"), 431, "head_too_large"},
             {get("/", many), 431, "head_too_large"},
             {get("/" + std::string(16 * 1024, 'a')), 414, "target_too_long"},
             {"GET / HTTP/1.1\r\nHost: foreign.example\r\n\r\n", 421, "misdirected"},
             {"OPTIONS / HTTP/1.1\r\nHost: ci\r\n\r\n", 405, "method_not_allowed"},
             {"BREW / HTTP/1.1\r\nHost: ci\r\n\r\n", 501, "method_unknown"},
             {get("http://ci/"), 400, "bad_target"},
             {get("/a/%2e%2e/b"), 400, "bad_target"},
             {get("/a", "Expect: bogus\r\n"), 417, "expectation_failed"},
             {get("/a", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 401,
              "wrong_scheme"},
         }) {
        INFO(row.request.substr(0, 60));
        Client client{server.port()};
        auto answer = client.ask(row.request);
        CHECK(answer.status == row.status);
        CHECK(answer.body.find("\"" + row.id + "\"") != std::string::npos);
        CHECK(answer.header("X-Content-Type-Options") == "nosniff");
        CHECK(client.closes());
    }
    CHECK(echo.calls == 0);
    Client client{server.port()};
    CHECK(client.ask("OPTIONS / HTTP/1.1\r\nHost: ci\r\n\r\n").header("Allow") ==
          "GET, HEAD, POST, PUT, PATCH, DELETE");
}

TEST_CASE("repeated headers are joined and named", "[http][framing]") {
    Echo echo;
    TestServer server{echo.handler()};
    Client client{server.port()};
    auto answer = client.ask(get("/a", "X-Sig: one\r\nx-sig: two\r\nAccept: text/html\r\n"));
    CHECK(answer.body.find("x-sig: one, two\n") != std::string::npos);
    CHECK(answer.body.find("repeated x-sig\n") != std::string::npos);
    CHECK(answer.body.find("repeated accept") == std::string::npos);
}

TEST_CASE("an upgrade to another protocol is ignored (H8)", "[http][framing]") {
    Echo echo;
    TestServer server{echo.handler()};
    Client client{server.port()};
    auto answer = client.ask(
        get("/a", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"));
    CHECK(answer.status == 200);
    CHECK(client.ask(get("/b")).status == 200);
}

TEST_CASE("a head may come byte by byte, and two requests in one piece", "[http][framing]") {
    Echo echo;
    TestServer server{echo.handler()};
    Client client{server.port()};
    for (char c : post("/slow", "hello")) client.send({&c, 1});
    CHECK(client.answer().body.find("body=hello") != std::string::npos);
    client.send(post("/one", "1") + post("/two", "2"));
    CHECK(client.answer().body.find("/one") == 0);
    CHECK(client.answer().body.find("/two") == 0);
}
