#include "server/http/reply_head.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using Length = ReplyFraming::Length;

TEST_CASE("a reply head has date, length and nosniff", "[http][reply]") {
    std::string out;
    REQUIRE(append_reply_head(out, {200, "application/json", {{"X-A", "b"}}, {}},
                              {Length::known, 12, false, 784111777}));
    CHECK(out ==
          "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: "
          "application/json\r\n"
          "Content-Length: 12\r\nX-Content-Type-Options: nosniff\r\nX-A: b\r\n\r\n");
}

TEST_CASE("a handler can't touch the framing", "[http][reply]") {
    std::string out;
    Reply reply{200,
                "text/plain",
                {{"content-length", "7"}, {"Transfer-Encoding", "x"}, {"Connection", "close"}},
                {}};
    REQUIRE(append_reply_head(out, reply, {Length::chunked, 0, true, 0}));
    CHECK(out.find("content-length") == std::string::npos);
    CHECK(out.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(out.find("Transfer-Encoding: x") == std::string::npos);
    CHECK(out.find("Connection: close\r\n") == out.rfind("Connection"));
    CHECK(wants_close(reply));
}

TEST_CASE("headers that would split the reply are refused", "[http][reply]") {
    std::string out;
    CHECK(!append_reply_head(out, {200, "text/plain", {{"X-A", "b\r\nSet-Cookie: x"}}, {}}, {}));
    CHECK(!append_reply_head(out, {200, "text/plain", {{"X A", "b"}}, {}}, {}));
    CHECK(!append_reply_head(out, {200, "text/plain\n", {}, {}}, {}));
    CHECK(!append_reply_head(out, {100, "text/plain", {}, {}}, {}));
    CHECK(out.empty());
}

TEST_CASE("every code has a status", "[http][reply]") {
    CHECK(status_of(Code::invalid) == 400);
    CHECK(status_of(Code::lease_lost) == 409);
    CHECK(status_of(Code::upgrade_required) == 426);
    CHECK(status_of(Code::timeout) == 504);
    auto reply = error_reply(error(Code::not_found, "no_run", "there is no run 7", "/run"));
    CHECK(reply.status == 404);
    CHECK(std::get<std::string>(reply.body) ==
          R"({"error":"no_run","message":"there is no run 7","where":"/run"})");
    CHECK(error_reply(error(Code::timeout, std::string{k_body_too_slow}, "")).status == 408);
    CHECK(error_reply(error(Code::unauthorized, "x", "")).headers.front().first ==
          "WWW-Authenticate");
}
