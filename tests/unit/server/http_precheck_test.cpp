#include "server/http/precheck.hpp"

#include <catch2/catch.hpp>

using namespace sluice::http;

namespace {

struct Verdict {
    int status = 200;
    std::string id;
    bool operator==(const Verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& v) {
    return out << v.status << " " << v.id;
}

/// What the server says of a head that comes in pieces of `piece` bytes.
Verdict judge(const std::string& bytes, std::size_t piece = std::string::npos) {
    HeadScanner scanner;
    for (std::size_t seen = 0; seen < bytes.size();) {
        seen = std::min(bytes.size(), piece >= bytes.size() ? bytes.size() : seen + piece);
        auto result = scanner.scan(std::string_view{bytes}.substr(0, seen));
        if (result.refusal) return {result.refusal->status, std::string{result.refusal->id}};
        if (result.size == 0) continue;
        Head head;
        if (auto refusal = parse_head(std::string_view{bytes}.substr(0, result.size), head))
            return {refusal->status, std::string{refusal->id}};
        Target target;
        if (auto refusal = decode_target(head.target, target))
            return {refusal->status, std::string{refusal->id}};
        return {};
    }
    return {0, "incomplete"};
}

std::string request(const std::string& target, const std::string& method = "GET") {
    return method + " " + target + " HTTP/1.1\r\nHost: ci\r\n\r\n";
}

std::string with(const std::string& headers) {
    return "POST /x HTTP/1.1\r\nHost: ci\r\n" + headers + "\r\n";
}

struct Row {
    std::string name;
    std::string bytes;
    Verdict expected;
};

const Verdict k_fine{};
const Verdict k_framing{400, "bad_framing"};
const Verdict k_bad_target{400, "bad_target"};

void check(const std::vector<Row>& rows) {
    for (const auto& row : rows) {
        INFO(row.name);
        CHECK(judge(row.bytes) == row.expected);
        CHECK(judge(row.bytes, 1) == row.expected);
        CHECK(judge(row.bytes, 7) == row.expected);
    }
}

}  // namespace

TEST_CASE("framings that Beast would take are refused (R1, H1)", "[http][precheck]") {
    check({
        {"identity with a length", with("Transfer-Encoding: identity\r\nContent-Length: 3\r\n"),
         k_framing},
        {"chunked, identity with a length",
         with("Transfer-Encoding: chunked, identity\r\nContent-Length: 3\r\n"), k_framing},
        {"xchunked", with("Transfer-Encoding: xchunked\r\n"), k_framing},
        {"identity alone", with("Transfer-Encoding: identity\r\n"), k_framing},
        {"gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n"), k_framing},
        {"chunked twice in one line", with("Transfer-Encoding: chunked, chunked\r\n"), k_framing},
        {"chunked twice in two lines",
         with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), k_framing},
        {"Chunked in capitals", with("Transfer-Encoding: Chunked\r\n"), k_framing},
        {"chunked with a quote", with("Transfer-Encoding: \"chunked\"\r\n"), k_framing},
        {"chunked with a vertical tab",
         with("Transfer-Encoding: \x0b"
              "chunked\r\n"),
         k_framing},
        {"an empty encoding", with("Transfer-Encoding:\r\n"), k_framing},
        {"chunked on HTTP/1.0",
         "POST /x HTTP/1.0\r\nHost: ci\r\nTransfer-Encoding: chunked\r\n\r\n", k_framing},
        {"length then chunked", with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
         k_framing},
        {"chunked then length", with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
         k_framing},
        {"two different lengths", with("Content-Length: 3\r\nContent-Length: 4\r\n"), k_framing},
        {"two equal lengths", with("Content-Length: 3\r\nContent-Length: 3\r\n"), k_framing},
        {"a list of lengths", with("Content-Length: 3, 3\r\n"), k_framing},
        {"+5", with("Content-Length: +5\r\n"), k_framing},
        {"-5", with("Content-Length: -5\r\n"), k_framing},
        {"0x5", with("Content-Length: 0x5\r\n"), k_framing},
        {"05", with("Content-Length: 05\r\n"), k_framing},
        {"5 5", with("Content-Length: 5 5\r\n"), k_framing},
        {"no length at all", with("Content-Length:\r\n"), k_framing},
        {"a length over everything",
         with("Content-Length: 99999999999999999999\r\n"),
         {413, "too_large"}},
        {"obs-fold with a space", with("X-A: 1\r\n 2\r\n"), k_framing},
        {"obs-fold with a tab", with("X-A: 1\r\n\t2\r\n"), k_framing},
        {"obs-fold in the first header", "GET / HTTP/1.1\r\n Host: ci\r\n\r\n", k_framing},
        {"space before the colon", with("Content-Length : 3\r\n"), k_framing},
        {"a header without colon", with("nonsense\r\n"), k_framing},
        {"a header without name", with(": 3\r\n"), k_framing},
        {"a name with an umlaut", with("X-\xc3\xa4: 1\r\n"), k_framing},
        {"NUL in a value", with(std::string("X-A: 1\0002\r\n", 10)), k_framing},
        {"NUL in a name", with(std::string("X\0A: 1\r\n", 8)), k_framing},
        {"a lone CR in a value", with("X-A: 1\r2\r\n"), k_framing},
        {"bare LF ends a header", "GET / HTTP/1.1\r\nHost: ci\n\r\n", k_framing},
        {"bare LF everywhere", "GET / HTTP/1.1\nHost: ci\n\n", k_framing},
        {"CR CR LF", "GET / HTTP/1.1\r\nHost: ci\r\r\n\r\n", k_framing},
        {"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: ci\r\n\r\n", k_framing},
        {"a TLS hello", "\x16\x03\x01\x02", k_framing},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", k_framing},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: ci\r\nHost: ci\r\n\r\n", k_framing},
        {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", k_framing},
        {"a Host with a path", "GET / HTTP/1.1\r\nHost: ci/x\r\n\r\n", k_framing},
        {"a Host with user information", "GET / HTTP/1.1\r\nHost: a@ci\r\n\r\n", k_framing},
        {"a Host with a wordy port", "GET / HTTP/1.1\r\nHost: ci:http\r\n\r\n", k_framing},
        {"a Host with a space", "GET / HTTP/1.1\r\nHost: c i\r\n\r\n", k_framing},
        {"a lower-case method", request("/", "get"), k_framing},
        {"a method in parentheses", request("/", "G(ET"), k_framing},
        {"two spaces", "GET  / HTTP/1.1\r\nHost: ci\r\n\r\n", k_bad_target},
        {"no version (HTTP/0.9)", "GET /\r\nHost: ci\r\n\r\n", k_framing},
        {"a version in lower case", "GET / http/1.1\r\nHost: ci\r\n\r\n", k_framing},
        {"something behind the version", "GET / HTTP/1.1x\r\nHost: ci\r\n\r\n", k_framing},
    });
}

TEST_CASE("versions and methods that this server doesn't speak are named so (H5)",
          "[http][precheck]") {
    check({
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\nHost: ci\r\n\r\n", {501, "method_unknown"}},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: ci\r\n\r\n", {505, "version_not_supported"}},
        {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: ci\r\n\r\n", {505, "version_not_supported"}},
        {"OPTIONS *", request("*", "OPTIONS"), {405, "method_not_allowed"}},
        {"CONNECT", request("ci:443", "CONNECT"), {405, "method_not_allowed"}},
        {"TRACE", request("/", "TRACE"), {405, "method_not_allowed"}},
        {"BREW", request("/", "BREW"), {501, "method_unknown"}},
        {"absolute-form", request("http://ci/x"), k_bad_target},
        {"absolute-form of https", request("https://ci/x"), k_bad_target},
        {"authority-form", request("ci:80"), k_bad_target},
        {"asterisk", request("*"), k_bad_target},
        {"every method that it does", request("/", "DELETE"), k_fine},
        {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", k_fine},
    });
}

TEST_CASE("paths have one spelling (S6, H6)", "[http][precheck]") {
    check({
        {"dot dot", request("/a/../b"), k_bad_target},
        {"dot dot at the end", request("/a/.."), k_bad_target},
        {"dot", request("/./a"), k_bad_target},
        {"encoded dot dot", request("/%2e%2e/b"), k_bad_target},
        {"half encoded dot dot", request("/.%2E/b"), k_bad_target},
        {"encoded slash", request("/a%2fb"), k_bad_target},
        {"encoded slash in capitals", request("/a%2Fb"), k_bad_target},
        {"encoded backslash", request("/a%5cb"), k_bad_target},
        {"backslash", request("/a\\b"), k_bad_target},
        {"semicolon", request("/a;x=1"), k_bad_target},
        {"double slash", request("/a//b"), k_bad_target},
        {"double slash first", request("//evil"), k_bad_target},
        {"NUL", request("/a%00"), k_bad_target},
        {"NUL in the query", request("/a?b=%00"), k_bad_target},
        {"encoded line break", request("/a%0d%0aX:1"), k_bad_target},
        {"encoded DEL", request("/a%7f"), k_bad_target},
        {"bad percent", request("/a%zz"), k_bad_target},
        {"half a percent", request("/a%2"), k_bad_target},
        {"a percent alone", request("/a%"), k_bad_target},
        {"bad percent in the query", request("/a?b=%g1"), k_bad_target},
        {"overlong UTF-8 slash", request("/a%c0%af"), k_bad_target},
        {"overlong UTF-8 dot", request("/%c0%ae%c0%ae/b"), k_bad_target},
        {"a surrogate", request("/%ed%a0%80"), k_bad_target},
        {"raw 8-bit", request("/\xff"), k_bad_target},
        {"raw UTF-8", request("/\xc3\xa4"), k_bad_target},
        {"control character", request("/a\tb"), k_bad_target},
        {"fragment", request("/a#b"), k_bad_target},
        {"a query key twice", request("/a?b=1&b=2"), k_bad_target},
        {"a query key twice, once encoded", request("/a?b=1&%62=2"), k_bad_target},
        {"encoded UTF-8", request("/%c3%a4"), k_fine},
        {"dots inside a name", request("/a..b/...c/x.js"), k_fine},
        {"slashes in the query", request("/a?next=//b/../c;d"), k_fine},
        {"a trailing slash", request("/a/"), k_fine},
    });
}

TEST_CASE("heads have limits (H3)", "[http][precheck]") {
    auto fields = [](std::size_t count) {
        std::string text = "GET / HTTP/1.1\r\nHost: ci\r\n";
        for (std::size_t i = 1; i < count; ++i) text += "X-" + std::to_string(i) + ": 1\r\n";
        return text + "\r\n";
    };
    auto bytes = [](std::size_t size) {
        std::string text = "Host: ci\r\nX: ";
        return "GET / HTTP/1.1\r\n" + text + std::string(size - text.size() - 2, 'x') + "\r\n\r\n";
    };
    check({
        {"64 headers", fields(64), k_fine},
        {"65 headers", fields(65), {431, "head_too_large"}},
        {"1000 headers", fields(1000), {431, "head_too_large"}},
        {"8 KiB of headers", bytes(8192), k_fine},
        {"a byte more", bytes(8193), {431, "head_too_large"}},
        {"9 KiB of headers", bytes(9 * 1024), {431, "head_too_large"}},
        {"a target just under 16 KiB", request("/" + std::string(16 * 1024 - 2, 'a')), k_fine},
        {"a target of 16 KiB",
         request("/" + std::string(16 * 1024 - 1, 'a')),
         {414, "target_too_long"}},
        {"a target without end", "GET /" + std::string(17 * 1024, 'a'), {414, "target_too_long"}},
        {"a head without end",
         "GET / HTTP/1.1\r\nX: " + std::string(9 * 1024, 'a'),
         {431, "head_too_large"}},
    });
}

TEST_CASE("the server takes one Authorization and one known expectation (H8, H12)",
          "[http][precheck]") {
    check({
        {"two Authorizations",
         with("Authorization: Bearer a\r\nauthorization: Bearer b\r\n"),
         {401, "wrong_scheme"}},
        {"an expectation", with("Expect: 100-continue\r\nContent-Length: 3\r\n"), k_fine},
        {"another expectation", with("Expect: bogus\r\n"), {417, "expectation_failed"}},
        {"two expectations",
         with("Expect: 100-continue\r\nExpect: 100-continue\r\n"),
         {417, "expectation_failed"}},
        {"an upgrade is ignored", with("Upgrade: h2c\r\nConnection: Upgrade\r\n"), k_fine},
    });
}

TEST_CASE("a head that passes tells framing, host and headers", "[http][precheck]") {
    std::string bytes =
        "PUT /a%20b?x=1+2&y=%41&z HTTP/1.1\r\nHost: CI.example:8080\r\nContent-Length: 12\r\n"
        "X-Empty:\r\nX-Space: \t v w \t\r\nConnection: keep-alive, Close\r\nExpect: "
        "100-Continue\r\n\r\nbody";
    HeadScanner scanner;
    auto found = scanner.scan(bytes);
    REQUIRE(found.size == bytes.size() - 4);
    Head head;
    REQUIRE(!parse_head(std::string_view{bytes}.substr(0, found.size), head));
    CHECK(head.method == "PUT");
    CHECK(head.host == "CI.example");
    CHECK(head.content_length == 12);
    CHECK(!head.chunked);
    CHECK(!head.keep_alive);
    CHECK(head.expect_continue);
    REQUIRE(head.fields().size() == 6);
    CHECK(head.fields()[2].value == "");
    CHECK(head.fields()[3].value == "v w");
    Target target;
    REQUIRE(!decode_target(head.target, target));
    CHECK(target.path == "/a b");
    CHECK(target.query == std::map<std::string, std::string>{{"x", "1 2"}, {"y", "A"}, {"z", ""}});
}

TEST_CASE("hosts are taken with and without port", "[http][precheck]") {
    for (auto [text, host] :
         std::vector<std::pair<std::string, std::string>>{{"ci", "ci"},
                                                          {"127.0.0.1:80", "127.0.0.1"},
                                                          {"[::1]:8080", "[::1]"},
                                                          {"[::1]", "[::1]"},
                                                          {"a_b.c-d", "a_b.c-d"}}) {
        std::string bytes = "GET / HTTP/1.1\r\nHost: " + text + "\r\n\r\n";
        Head head;
        INFO(text);
        REQUIRE(!parse_head(bytes, head));
        CHECK(head.host == host);
    }
}

TEST_CASE("HTTP/1.0 closes and ignores expectations", "[http][precheck]") {
    Head head;
    REQUIRE(
        !parse_head("POST / HTTP/1.0\r\nContent-Length: 1\r\nConnection: keep-alive\r\nExpect: "
                    "100-continue\r\n\r\n",
                    head));
    CHECK(head.http10);
    CHECK(!head.keep_alive);
    CHECK(!head.expect_continue);
}
