#include "cli/term/yaml_text.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::cli;

namespace {

std::string yaml(std::string_view json) {
    return to_yaml(json::parse(json).value());
}

}  // namespace

TEST_CASE("JSON becomes block YAML that people read", "[cli]") {
    CHECK(yaml(R"({"a": {"b": [1, true, null], "c": "x y"}, "d": []})") ==
          "a:\n  b:\n    - 1\n    - true\n    - null\n  c: x y\nd: []\n");
    CHECK(yaml(R"([{"run": "make", "name": "x"}, "y"])") == "- run: make\n  name: x\n- \"y\"\n");
    CHECK(yaml(R"({"run": "make\nmake test\n"})") == "run: |\n  make\n  make test\n");
    CHECK(yaml(R"({"run": "make\nmake test"})") == "run: |-\n  make\n  make test\n");
    CHECK(yaml("{}") == "{}\n");
}

TEST_CASE("texts that YAML would read as something else are quoted", "[cli]") {
    for (const char* text : {"yes", "no", "true", "null", "3.10", "", " x", "a: b", "a #b", "- x",
                             "*x", "&x", "!x", "{x", "[x", "%x", "@x", "~", "on"}) {
        INFO(text);
        CHECK(to_yaml(json::Value(text)) == "\"" + std::string(text) + "\"\n");
    }
    CHECK(yaml(R"({"3.10": "1"})") == "\"3.10\": \"1\"\n");
}

TEST_CASE("what a terminal could take for a command is an escape", "[cli]") {
    CHECK(yaml(R"(["\u001b[31m", "a\u202eb", "gr\u00fcn", "tab\there\nx"])") ==
          "- \"\\x1b[31m\"\n- \"a\\U0000202eb\"\n- \"gr\xc3\xbcn\"\n- \"tab\\there\\nx\"\n");
}
