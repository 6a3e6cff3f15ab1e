#include "delivery_fixture.hpp"
#include "hooks/git/git_config.hpp"
#include "hooks/git/hook/text.h"
#include "tests/cpu_time.hpp"

#include <chrono>

using namespace sluice;
using namespace sluice::hooks;
using namespace sluice::hooks::test;

namespace {

std::string sha256_in_parts(const std::string& text, std::size_t part) {
    hook_sha256 hash;
    hook_sha256_begin(&hash);
    for (std::size_t i = 0; i < text.size(); i += part)
        hook_sha256_add(&hash, text.data() + i, std::min(part, text.size() - i));
    unsigned char digest[32];
    hook_sha256_end(&hash, digest);
    char hex[65];
    hook_hex(digest, sizeof digest, hex);
    return hex;
}

std::string hook_hmac(const std::string& key, const std::string& text) {
    unsigned char mac[32];
    hook_hmac_sha256(key.data(), key.size(), text.data(), text.size(), mac);
    char hex[65];
    hook_hex(mac, sizeof mac, hex);
    return hex;
}

std::string json_of(const std::string& bytes) {
    hook_text text{};
    hook_append_json(&text, bytes.data(), bytes.size());
    std::string out(text.data, text.size);
    hook_free(&text);
    return out;
}

std::string member(const char* json, const char* key, std::size_t room = 100) {
    std::vector<char> out(room);
    return hook_json_member(json, key, out.data(), room) ? out.data() : "(none)";
}

}  // namespace

TEST_CASE("the hook's SHA-256 gives the known answers", "[hooks]") {
    // FIPS 180-4 examples, and NIST's million letters.
    CHECK(sha256_in_parts("", 1) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256_in_parts("abc", 64) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256_in_parts("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sha256_in_parts(std::string(1'000'000, 'a'), 977) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("the hook's HMAC gives the known answers of RFC 4231", "[hooks]") {
    CHECK(hook_hmac(std::string(20, '\x0b'), "Hi There") ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hook_hmac("Jefe", "what do ya want for nothing?") ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hook_hmac(std::string(131, '\xaa'),
                    "Test Using Larger Than Block-Size Key - Hash Key First") ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK(hook_hmac(k_secret, "Hello, World!") ==
          "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
}

TEST_CASE("the hook's digests agree with the server's at every length", "[hooks]") {
    std::string text;
    for (int size = 0; size < 300; ++size) {
        CHECK(sha256_in_parts(text, 13) == crypto::sha256_hex(text));
        CHECK(hook_hmac(text, text) == hex_hmac(text, text));
        text += static_cast<char>(size * 37);
    }
}

TEST_CASE("any bytes become valid JSON that reads back as the same text", "[hooks]") {
    for (const std::string& name :
         {std::string("$(id)"), std::string("<script>\"'\\"),
          std::string("a\xe2\x80\xae"
                      "b"),
          std::string("\x01\x1f\n\t"), std::string("\xf0\x9f\x92\xa9"), std::string()}) {
        auto parsed = json::parse(json_of(name));
        REQUIRE(parsed.has_value());
        CHECK(parsed->as_string() == name);
    }
    const std::string replacement = "\\ufffd";
    for (const char* bad : {"\xff", "\xc0", "\xed", "\xf5", "\x80"})
        CHECK(json_of(bad) == "\"" + replacement + "\"");
    CHECK(json_of("\xed\xa0\x80") == "\"" + replacement + replacement + replacement + "\"");
    CHECK(json_of("\xe2\x80") == "\"" + replacement + replacement + "\"");
    CHECK(json_of("\xc3\x28") == "\"" + replacement + "(\"");
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    CHECK(json::parse(json_of(all)).has_value());
}

TEST_CASE("members of a reply are read as text for a terminal", "[hooks]") {
    const char* reply =
        R"({"verdict":"red","summary":"job \"unit\" failed\n\u001b[31m","n":1,"url":"http:\/\/h\/1"})";
    CHECK(member(reply, "verdict") == "red");
    CHECK(member(reply, "summary") == "job \"unit\" failed ?[31m");
    CHECK(member(reply, "url") == "http://h/1");
    CHECK(member(reply, "n") == "(none)");
    CHECK(member(reply, "missing") == "(none)");
    CHECK(member(reply, "summary", 6) == "job \"");
    CHECK(member("{\"summary\":\"\\\"verdict\\\":\\\"green\\\"\",\"verdict\":\"red\"}",
                 "verdict") == "red");
    CHECK(member("{\"verdict\":\"gre", "verdict") == "(none)");
    CHECK(member(nullptr, "verdict") == "(none)");
    CHECK(member("{\"a\":\"\x1b]0;x\x07\"}", "a") == " ]0;x ");
}

TEST_CASE("protect globs stay within a part unless they are double", "[hooks]") {
    CHECK(hook_glob("main", "main"));
    CHECK_FALSE(hook_glob("main", "main2"));
    CHECK(hook_glob("release/*", "release/1.0"));
    CHECK_FALSE(hook_glob("release/*", "release/1/0"));
    CHECK(hook_glob("release/**", "release/1/0"));
    CHECK(hook_glob("**", "any/thing"));
    CHECK(hook_glob("v?.*", "v1.2"));
    CHECK_FALSE(hook_glob("v?", "v/"));
    CHECK(hook_glob("*", ""));
    CHECK_FALSE(hook_glob("", "a"));
    CHECK(hook_glob("a*b*c", "aXbYbZc"));
}

TEST_CASE("a glob's time is bounded by the two lengths", "[hooks]") {
    std::string pattern;
    for (int i = 0; i < 60; ++i) pattern += "**a";
    const auto begin = sluice::testing::cpu_time();
    CHECK_FALSE(hook_glob((pattern + "b").c_str(), std::string(1024, 'a').c_str()));
    CHECK(sluice::testing::cpu_time() - begin < std::chrono::seconds(1));
}

TEST_CASE("values are found in git's configuration files", "[hooks]") {
    const char* text =
        "[core]\n\tbare = true\n\thooksPath = \"/etc/hooks # not a comment\" ; comment\n"
        "[Receive]\n  AdvertisePushOptions\n[core \"sub\"]\nbare = false\n[user] name = Ada\n";
    CHECK(git_config_value(text, "core", "bare") == "true");
    CHECK(git_config_value(text, "core", "hookspath") == "/etc/hooks # not a comment");
    CHECK(git_config_value(text, "receive", "advertisepushoptions") == "true");
    CHECK(git_config_value(text, "user", "name") == "Ada");
    CHECK_FALSE(git_config_value(text, "core", "missing"));
    CHECK(git_config_value("[a]\nb=1\n[a]\nb=2", "a", "b") == "2");
}
