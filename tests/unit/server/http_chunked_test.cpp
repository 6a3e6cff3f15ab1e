#include "server/http/chunked.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace sluice::http;

namespace {

struct Decoded {
    std::string body;
    std::string rest;
    bool done = false;
    std::string error;
};

/// Feeds the text in pieces of `piece` bytes, decodes into buffers of `room` bytes.
Decoded decode(const std::string& text, std::size_t piece, std::size_t room) {
    ChunkedDecoder decoder;
    Decoded result;
    std::string input;
    std::string output(room, '\0');
    for (std::size_t at = 0; at < text.size() || !input.empty();) {
        if (at < text.size()) input += text.substr(at, piece);
        at += piece;
        while (true) {
            auto step = decoder.step(input, output);
            if (!step) {
                result.error = step.error().id;
                return result;
            }
            input.erase(0, step->consumed);
            result.body.append(output, 0, step->produced);
            if (step->done) {
                result.done = true;
                result.rest = input + (at < text.size() ? text.substr(at) : "");
                return result;
            }
            if (step->consumed == 0 && step->produced == 0) break;
        }
        if (at >= text.size()) return result;
    }
    return result;
}

}  // namespace

TEST_CASE("a chunked body decodes alike however it is cut", "[http][chunked]") {
    std::string text = "5\r\nhello\r\n1\r\n \r\nA;ext=\"v\"\r\n0123456789\r\n0\r\n\r\nGET /next";
    for (std::size_t piece : {1, 2, 3, 5, 7, 100})
        for (std::size_t room : {1, 4, 100}) {
            auto decoded = decode(text, piece, room);
            INFO(piece << " " << room);
            CHECK(decoded.error == "");
            CHECK(decoded.done);
            CHECK(decoded.body == "hello 0123456789");
            CHECK(decoded.rest == "GET /next");
        }
}

TEST_CASE("an empty chunked body and trailers end where they end (R2)", "[http][chunked]") {
    for (std::size_t piece : {1, 2, 3, 4, 100}) {
        INFO(piece);
        CHECK(decode("0\r\n\r\nrest", piece, 10).rest == "rest");
        auto trailers = decode(
            "1\r\nx\r\n0\r\nAuthorization: Bearer evil\r\nContent-Length: 5\r\nX: y\r\n\r\nrest",
            piece, 10);
        // A Content-Length among trailers is refused, anything else dropped.
        CHECK((trailers.done ? trailers.rest == "rest" : trailers.error == "bad_framing"));
        auto dropped = decode("1\r\nx\r\n0\r\nAuthorization: Bearer evil\r\n\r\nrest", piece, 10);
        CHECK(dropped.done);
        CHECK(dropped.body == "x");
        CHECK(dropped.rest == "rest");
    }
}

TEST_CASE("malformed chunks are refused", "[http][chunked]") {
    for (const std::string& text : std::vector<std::string>{
             "x\r\n\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
             "+5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\nhello\n0\n\n0\r\n\r\n",
             "FFFFFFFFFFFFFFFFF\r\nhello\r\n", " 5\r\nhello\r\n0\r\n\r\n",
             "5;\x01\r\nhello\r\n0\r\n\r\n", "5 ;a\nb\r\nhello\r\n0\r\n\r\n",
             "0\r\nbad trailer\r\n\r\n", "5\r\nhello\r\n;\r\n\r\n",
             "\r\n5\r\nhello\r\n0\r\n\r\n"}) {
        INFO(text);
        for (std::size_t piece : {1, 3, 100}) {
            auto decoded = decode(text, piece, 10);
            CHECK(!decoded.done);
            CHECK(decoded.error == "bad_framing");
        }
    }
}

TEST_CASE("an endless chunk extension is refused", "[http][chunked]") {
    ChunkedDecoder decoder;
    std::array<char, 16> out;
    auto step = decoder.step("5;" + std::string(9000, 'a'), out);
    REQUIRE(!step);
    CHECK(step.error().id == "bad_framing");
}
