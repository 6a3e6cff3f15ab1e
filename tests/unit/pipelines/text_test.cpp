#include "pipelines/base/text.hpp"

#include <catch2/catch.hpp>

using namespace sluice;

TEST_CASE("hex goes there and back", "[text]") {
    const unsigned char bytes[] = {0x00, 0x7f, 0xff};
    CHECK(text::to_hex(bytes) == "007fff");
    CHECK(text::from_hex("007FfF") == std::string("\x00\x7f\xff", 3));
    CHECK_FALSE(text::from_hex("0"));
    CHECK_FALSE(text::from_hex("0g"));
}

TEST_CASE("base64 follows the vectors of RFC 4648", "[text]") {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : vectors) {
        CHECK(text::to_base64(plain) == coded);
        CHECK(text::from_base64(coded) == plain);
    }
    CHECK(text::to_base64url("\xfb\xff") == "-_8");
    for (const char* bad :
         {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9 ", "Zm9\n", "Zh==", "Zm9=", "Z=g="})
        CHECK_FALSE(text::from_base64(bad));
}

TEST_CASE("invalid UTF-8 is found at its first byte", "[text]") {
    CHECK_FALSE(text::find_invalid_utf8("plain, ä, €, 😀"));
    CHECK(text::find_invalid_utf8("ab\x80") == 2);
    CHECK(text::find_invalid_utf8("\xC0\xAF") == 0);          // overlong
    CHECK(text::find_invalid_utf8("\xE0\x80\xAF") == 0);      // overlong
    CHECK(text::find_invalid_utf8("a\xED\xA0\x80") == 1);     // surrogate
    CHECK(text::find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // > U+10FFFF
    CHECK(text::find_invalid_utf8("a\xE2\x82") == 1);         // cut off
    for (std::size_t at = 0; at < 20; ++at) {                 // also deep in plain text
        std::string text(20, 'x');
        text[at] = '\x80';
        CHECK(text::find_invalid_utf8(text) == at);
    }
}

TEST_CASE("text from outside is made safe to store and show", "[text]") {
    CHECK(text::sanitize_utf8("a\x01"
                              "b\tc\nd\xff"
                              "e",
                              100) ==
          "a b\tc\nd\xEF\xBF\xBD"
          "e");
    CHECK(text::sanitize_utf8(std::string("a\0b", 3), 100) == "a b");
    CHECK(text::sanitize_utf8("äää", 5) == "ää");  // never cut inside a code point
    CHECK(text::sanitize_utf8("<script>$(id)", 100) == "<script>$(id)");
}

TEST_CASE("commit ids are 40 or 64 hex digits", "[text]") {
    CHECK(text::is_commit_id(std::string(40, 'a')));
    CHECK(text::is_commit_id(std::string(64, 'F')));
    CHECK_FALSE(text::is_commit_id(std::string(39, 'a')));
    CHECK_FALSE(text::is_commit_id(std::string(39, 'a') + "g"));
    CHECK(text::is_zero_id(std::string(40, '0')));
    CHECK_FALSE(text::is_zero_id(""));
    CHECK_FALSE(text::is_zero_id("0"));
}

TEST_CASE("a typo finds the word that was meant", "[text]") {
    const std::vector<std::string> words{"steps", "needs", "matrix", "if"};
    CHECK(text::nearest("stpes", words) == "steps");
    CHECK(text::nearest("need", words) == "needs");
    CHECK(text::nearest("metrix", words) == "matrix");
    CHECK_FALSE(text::nearest("completely", words));
    CHECK_FALSE(text::nearest("x", words));
    CHECK_FALSE(text::nearest("", words));
}

TEST_CASE("split and trim", "[text]") {
    CHECK(text::split("a,,b", ',') == std::vector<std::string>{"a", "", "b"});
    CHECK(text::split("", ',') == std::vector<std::string>{""});
    CHECK(text::trim(" \t a b\r\n") == "a b");
    CHECK(text::trim(" \n").empty());
}

TEST_CASE("globs match by path parts", "[text][glob]") {
    const auto matches = [](const char* pattern, const char* path) {
        return text::glob_match(pattern, path);
    };
    CHECK(matches("main", "main"));
    CHECK_FALSE(matches("main", "main2"));
    CHECK(matches("src/*.cpp", "src/a.cpp"));
    CHECK_FALSE(matches("src/*.cpp", "src/x/a.cpp"));
    CHECK(matches("src/**", "src/x/a.cpp"));
    CHECK_FALSE(matches("src/**", "src"));
    CHECK(matches("**/a.cpp", "a.cpp"));
    CHECK(matches("**/a.cpp", "x/y/a.cpp"));
    CHECK_FALSE(matches("**/a.cpp", "x/ba.cpp"));
    CHECK(matches("a/**/b", "a/b"));
    CHECK(matches("a/**/b", "a/x/y/b"));
    CHECK(matches("**", "any/thing"));
    CHECK_FALSE(matches("*", "any/thing"));
    CHECK(matches("v?.[0-9]", "v1.2"));
    CHECK_FALSE(matches("v?.[!0-9]", "v1.2"));
    CHECK_FALSE(matches("a[!b]c", "a/c"));
    CHECK(matches("{docs,src/{a,b}}/*.md", "src/b/x.md"));
    CHECK_FALSE(matches("{docs,src/{a,b}}/*.md", "src/c/x.md"));
    CHECK(matches("x{,.bak}", "x"));
    CHECK(matches("ä?", "äö"));
    CHECK(matches("\\*", "*"));
    CHECK_FALSE(matches("\\*", "x"));
    CHECK(matches("a{b", "a{b"));  // unclosed: means itself
    CHECK(matches("a[b", "a[b"));
}

TEST_CASE("bytes that are no UTF-8 match as themselves and swallow nothing", "[text][glob]") {
    CHECK(text::glob_match("*.txt", "caf\xe9.txt"));
    CHECK(text::glob_match("caf?.txt", "caf\xe9.txt"));
    CHECK(text::glob_match("\xc0?", "\xc0x"));  // found by fuzzing
    CHECK_FALSE(text::glob_match("\xc0?", "\xc0"));
    CHECK_FALSE(text::glob_match("caf\xc3\xa9*", "caf\xe9"));
}

TEST_CASE("a hostile glob costs no more than pattern times path", "[text][glob]") {
    std::string pattern;
    for (int i = 0; i < 200; ++i) pattern += "**/*{a,b,}";
    CHECK_FALSE(text::glob_match(pattern + "!", std::string(2000, 'a')));
    std::string nested;
    for (int i = 0; i < 100; ++i) nested += "{a,";
    CHECK_FALSE(text::glob_match(nested, "b"));
}

TEST_CASE("in a list of globs the last match decides", "[text][glob]") {
    const std::vector<std::string> globs{"src/**", "!src/gen/**", "src/gen/keep.cpp"};
    CHECK(text::globs_match(globs, "src/a.cpp"));
    CHECK_FALSE(text::globs_match(globs, "src/gen/a.cpp"));
    CHECK(text::globs_match(globs, "src/gen/keep.cpp"));
    CHECK_FALSE(text::globs_match(globs, "docs/a.md"));
    CHECK_FALSE(text::globs_match({}, "a"));
    CHECK_FALSE(text::globs_match(std::vector<std::string>{"!docs/**"}, "src/a"));
}
