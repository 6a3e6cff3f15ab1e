#include "agent/runner/redactor.hpp"

#include "pipelines/base/text.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using agent::forms_of;
using agent::Redactor;

namespace {

Redactor with(const std::vector<std::string>& secrets) {
    Redactor redactor;
    for (const auto& secret : secrets) redactor.add(forms_of(secret));
    return redactor;
}

/// The whole text in pieces of that size.
std::string fed(Redactor& redactor, std::string_view text, std::size_t piece) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece)
        out += redactor.feed(text.substr(at, piece));
    out += redactor.flush();
    return out;
}

}  // namespace

TEST_CASE("a secret is masked however its bytes are cut", "[redactor]") {
    Redactor redactor = with({"hunter2-hunter2", "hunter2-hunter3-and-more"});
    const std::string text =
        "a hunter2-hunter2 b hunter2-hunter3-and-more c hunter2-hunter d hunter2-hunter3-and-mor";
    for (std::size_t piece = 1; piece <= text.size(); ++piece)
        CHECK(fed(redactor, text, piece) ==
              "a *** b *** c hunter2-hunter d hunter2-hunter3-and-mor");
}

TEST_CASE("secrets that overlap or follow each other are one mask", "[redactor]") {
    Redactor redactor = with({"abcdefgh", "efghijkl", "efghijklmnop"});
    for (const std::size_t piece : {1u, 3u, 100u}) {
        CHECK(fed(redactor, "<abcdefghijkl>", piece) == "<***>");
        CHECK(fed(redactor, "<abcdefghijklmnop>", piece) == "<***>");
        CHECK(fed(redactor, "<abcdefghabcdefgh>", piece) == "<***>");
        CHECK(fed(redactor, "<abcdefgh abcdefgh>", piece) == "<*** ***>");
        CHECK(fed(redactor, "<abcdefgefgh>", piece) == "<abcdefgefgh>");
    }
}

TEST_CASE("only what may begin a secret is held back", "[redactor]") {
    Redactor redactor = with({"secret-value"});
    CHECK(redactor.feed("password: ") == "password: ");
    CHECK_FALSE(redactor.holds_back());
    CHECK(redactor.feed("sec") == "");
    CHECK(redactor.holds_back());
    CHECK(redactor.feed("ond") == "second");
    CHECK(redactor.feed("is secret-val") == "is ");
    CHECK(redactor.flush() == "secret-val");
    CHECK(redactor.mask("x secret-value") == "x ***");
}

TEST_CASE("notations that programs write by themselves are found", "[redactor]") {
    const std::string secret = "p\"a/s+s w'o\\rd\xc3\xa9";
    Redactor redactor = with({secret});
    for (const char* form :
         {"p\"a/s+s w'o\\rd\xc3\xa9", R"(p\"a/s+s w'o\\rd\u00e9)", R"(p\"a\/s+s w'o\\rdé)",
          R"(p\\\"a/s+s w'o\\\\rdé)", "p%22a%2Fs%2Bs%20w%27o%5Crd%C3%A9",
          "p%22a%2fs%2bs+w%27o%5crd%c3%a9", R"(p"a/s+s w'\''o\rdé)"}) {
        CAPTURE(form);
        CHECK(redactor.mask(std::string("[") + form + "]") == "[***]");
    }
    CHECK(redactor.mask(text::to_hex(
              {reinterpret_cast<const unsigned char*>(secret.data()), secret.size()})) == "***");
}

TEST_CASE("base64 is found at every offset and in lines", "[redactor]") {
    const std::string secret =
        "a-token-of-forty-two-bytes/that?is>long-enough-to-be-wrapped-by-base64";
    Redactor redactor = with({secret});
    for (const char* before : {"", "x", "xy", "xyz", "user:"})
        for (const char* behind : {"", "x", "xyz"}) {
            const std::string encoded = text::to_base64(before + secret + behind);
            const std::string masked = redactor.mask(encoded);
            CAPTURE(before, behind, masked);
            CHECK(masked.find("***") != std::string::npos);
            CHECK(masked.size() <= 3 + 9 + 6);
            const std::string url = redactor.mask(text::to_base64url(before + secret + behind));
            CHECK(url.size() <= 3 + 9 + 6);
        }
    std::string wrapped = text::to_base64(secret);
    wrapped.insert(76, "\n");
    CHECK(redactor.mask(wrapped).find(text::to_base64(secret).substr(0, 20)) == std::string::npos);
}

TEST_CASE("each line of a secret is one, short ones are not", "[redactor]") {
    Redactor redactor = with({"-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nab\n-----END KEY-----\n"});
    CHECK(redactor.mask("log MIIEvQIBADANBgkq log") == "log *** log");
    CHECK(redactor.mask("ab cab") == "ab cab");
}

TEST_CASE("texts in JSON are masked, names of members are not", "[redactor]") {
    Redactor redactor = with({"secret-value"});
    json::Value value =
        json::parse(R"({"secret-value": ["a secret-value", 1, {"x": "secret-value"}]})").value();
    redactor.mask(value);
    CHECK(json::serialize(value) == R"({"secret-value":["a ***",1,{"x":"***"}]})");
}

TEST_CASE("bytes that are no text pass", "[redactor]") {
    Redactor redactor = with({std::string("\xff\xfe\x00\x01\x80\x81\x82\x83\x84", 9)});
    const std::string text("a\0b\xff\xfe", 5);
    CHECK(fed(redactor, text, 2) == text);
    CHECK(Redactor().empty());
}
