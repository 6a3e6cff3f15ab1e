#include "pipelines/base/json.hpp"

#include <catch2/catch.hpp>

using namespace sluice;

namespace {
std::string refusal(std::string_view text, json::Limits limits = {}) {
    CAPTURE(text);
    const auto parsed = json::parse(text, limits);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().id == "bad_json");
    return parsed.error().message;
}
}  // namespace

TEST_CASE("JSON of any shape is read", "[json]") {
    const auto value = json::parse(R"( {"a":[1,-2,3.5,true,null,"x\u20ac"],"b":{"a":{}}} )");
    REQUIRE(value.has_value());
    CHECK(json::serialize(*value) == R"({"a":[1,-2,3.5E0,true,null,"x€"],"b":{"a":{}}})");
}

TEST_CASE("a repeated key is refused, wherever it stands", "[json]") {
    CHECK_THAT(refusal(R"({"a":1,"b":2,"a":3})"), Catch::Contains("key `a` appears twice"));
    CHECK_THAT(refusal(R"([{"x":{"k":1,"k":1}}])"), Catch::Contains("key `k` appears twice"));
    CHECK_THAT(refusal(R"({"":1,"":2})"), Catch::Contains("key `` appears twice"));
    CHECK_THAT(refusal(R"({"a":1,"\u0061":2})"), Catch::Contains("key `a` appears twice"));
    CHECK(json::parse(R"({"a":{"a":1},"b":{"a":1}})").has_value());
}

TEST_CASE("hostile JSON is refused with its place", "[json]") {
    CHECK_THAT(refusal("{} x"), Catch::Contains("extra"));
    CHECK_THAT(refusal("{}{}"), Catch::Contains("extra"));
    for (const char* text :
         {"", "{", "[1,]", "{a:1}", "nul", "'x'", "\"\xff\"", "\"\xC0\xAF\"", R"("\ud800")",
          R"("\udc00x")", "01", "+1", "1e999", "// c\n1", "\xEF\xBB\xBF{}", "\"a\nb\""})
        CHECK_THAT(refusal(text), Catch::StartsWith("not valid JSON at byte "));
    CHECK_THAT(refusal(std::string(33, '[') + std::string(33, ']')), Catch::Contains("deep"));
    CHECK(json::parse(std::string(32, '[') + std::string(32, ']')).has_value());
    CHECK(json::parse("[1,2]", {.bytes = 4}).error().code == Code::too_large);
}

TEST_CASE("a reader names the first wrong member by its JSON pointer", "[json]") {
    const auto value =
        json::parse(R"({"name":7,"n":99,"list":["a",1],"map":{"a/b":1},"s":"abc"})").value();
    const auto where = [&](auto read) {
        json::ObjectReader in(value, "/jobs/0");
        read(in);
        const auto done = in.finish();
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().id == "bad_field");
        return done.error().where + ": " + done.error().message;
    };
    CHECK(where([](auto& in) { in.string("name"); }) ==
          "/jobs/0/name: name: a string is required, got a number");
    CHECK(where([](auto& in) { in.string("gone"); }) == "/jobs/0/gone: gone: a string is required");
    CHECK(where([](auto& in) { in.integer("n", 0, 10); }) ==
          "/jobs/0/n: n: 99 is not within 0 to 10");
    CHECK(where([](auto& in) { in.string("s", 2); }) == "/jobs/0/s: s: 3 bytes, at most 2");
    CHECK(where([](auto& in) { in.strings_or_empty("list"); }) ==
          "/jobs/0/list/1: list: a string is required, got a number");
    CHECK(where([](auto& in) { in.string_map_or_empty("map"); }) ==
          "/jobs/0/map/a~1b: map: a string is required, got a number");
    CHECK(where([](auto& in) {
              in.string("name");
              in.string("gone");
          }).find("name") != std::string::npos);
}

TEST_CASE("integers are read whether they were signed or unsigned", "[json]") {
    const json::Value value = json::Object{{"small", 7u}, {"large", ~std::uint64_t{0}}};
    json::ObjectReader in(value, "");
    CHECK(in.integer("small", 0, 9) == 7);
    CHECK(in.finish().has_value());
    in.integer("large", 0, 9);
    CHECK(in.finish().error().message == "large: 18446744073709551615 is not within 0 to 9");
}

TEST_CASE("a strict reader refuses members that nobody asked for", "[json]") {
    const auto value = json::parse(R"({"a":1,"extra":2})").value();
    json::ObjectReader in(value, "");
    CHECK(in.integer("a", 0, 5) == 1);
    CHECK(in.finish().has_value());
    CHECK(in.finish_strict().error().id == "unknown_field");
    CHECK(in.finish_strict().error().where == "/extra");
}

TEST_CASE("null counts as absent", "[json]") {
    const auto value = json::parse(R"({"a":null})").value();
    json::ObjectReader in(value, "");
    CHECK(in.string_or("a", "x") == "x");
    CHECK(in.integer_or("a", 4, 0, 9) == 4);
    CHECK(in.find("a") == nullptr);
    CHECK(in.finish_strict().has_value());
}

TEST_CASE("a reader of something else than an object says so", "[json]") {
    json::ObjectReader in(json::Value(3), "/x");
    in.string("a");
    CHECK(in.finish().error().where == "/x");
}
