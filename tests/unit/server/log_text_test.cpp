#include "server/api/log_text.hpp"

#include "pipelines/base/json.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace sluice;

namespace {

std::string shown(std::string_view bytes) {
    std::string out;
    CHECK(api::append_log_text(out, bytes, true) == bytes.size());
    return out;
}

}  // namespace

TEST_CASE("log bytes become a JSON string that keeps them", "[log_text]") {
    CHECK(shown("a \"b\" \\ c\n\t\r") == R"("a \"b\" \\ c\n\t\r")");
    CHECK(shown(std::string_view("\0\x1b[31m\x7f", 7)) == "\"\\u0000\\u001b[31m\\u007f\"");
    CHECK(shown("é€😀") == "\"é€😀\"");
}

TEST_CASE("what is not UTF-8 becomes U+FFFD, byte by byte", "[log_text]") {
    CHECK(shown("a\xff"
                "b") ==
          "\"a\xEF\xBF\xBD"
          "b\"");
    CHECK(shown("\xC0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    CHECK(shown("\xED\xA0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    CHECK(shown("\xE2\x82") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("a sequence cut by the end of a piece is left for the next one", "[log_text]") {
    std::string out;
    CHECK(api::append_log_text(out, "a\xE2\x82", false) == 1);
    CHECK(out == "\"a\"");
}

TEST_CASE("each byte is shown alike wherever it stands in a long plain line", "[log_text]") {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string alone = shown(std::string(1, static_cast<char>(byte)));
        const std::string inside = alone.substr(1, alone.size() - 2);
        for (std::size_t at = 0; at <= 17; ++at) {
            const std::string before(at, 'x'), after(17 - at, '!');
            INFO("byte " << byte << " at " << at);
            CHECK(shown(before + static_cast<char>(byte) + after) ==
                  '"' + before + inside + after + '"');
        }
    }
}

TEST_CASE("any bytes, cut anywhere, give parseable text of the same content", "[log_text]") {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        for (int i = 0; i < 60; ++i)
            bytes += random() % 3 ? std::string("é") : std::string(1, static_cast<char>(random()));
        const std::string whole = shown(bytes);
        const auto value = json::parse(whole);
        REQUIRE(value);
        std::string pieces;
        std::string_view rest = bytes;
        while (!rest.empty()) {
            const auto size = std::min<std::size_t>(rest.size(), 1 + random() % 9);
            std::string out;
            const auto taken = api::append_log_text(out, rest.substr(0, size), size == rest.size());
            pieces += json::parse(out).value().as_string();
            if (taken == 0) {  // a whole sequence does not fit: take more
                std::string more;
                const auto most = std::min<std::size_t>(rest.size(), 4);
                rest.remove_prefix(
                    api::append_log_text(more, rest.substr(0, most), most == rest.size()));
                pieces += json::parse(more).value().as_string();
                continue;
            }
            rest.remove_prefix(taken);
        }
        CHECK(pieces == std::string(value->as_string()));
    }
}
