#include "pipelines/config/document.hpp"
#include "tests/cpu_time.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace sluice;
using namespace sluice::config;

namespace {

struct Parsed {
    std::optional<Node> root;
    std::vector<Diagnostic> diagnostics;
};

Parsed parse(const std::string& text) {
    Diagnostics diagnostics;
    const int file = diagnostics.add_file("f", without_bom(text));
    Parsed out;
    out.root = parse_document(file, diagnostics);
    out.diagnostics = diagnostics.take();
    return out;
}

/// `line:column id` of the only diagnostic.
std::string fault(const std::string& text) {
    const Parsed parsed = parse(text);
    REQUIRE(parsed.diagnostics.size() == 1);
    const Diagnostic& d = parsed.diagnostics[0];
    return std::to_string(d.line) + ":" + std::to_string(d.column) + " " + d.id;
}

Node node(const std::string& text) {
    Parsed parsed = parse(text);
    for (const auto& d : parsed.diagnostics) UNSCOPED_INFO(format(d));
    REQUIRE(parsed.root.has_value());
    REQUIRE(parsed.diagnostics.empty());
    return *parsed.root;
}

}  // namespace

TEST_CASE("scalars keep their source text", "[document]") {
    const Node root = node("a: 3.10\nb: yes\nc: 0o7\nd: '1'\ne: \"x\\ny\"\nf: 1_000\non: no\n");
    CHECK(root.find("a")->text == "3.10");
    CHECK(root.find("b")->text == "yes");
    CHECK(root.find("c")->text == "0o7");
    CHECK(root.find("e")->text == "x\ny");
    CHECK(root.find("on")->text == "no");
    CHECK(root.find("a")->plain);
    CHECK_FALSE(root.find("d")->plain);
    CHECK(root.find("missing") == nullptr);
}

TEST_CASE("null is nothing, ~ or null, and a quoted one is a text", "[document]") {
    const Node root = node("a:\nb: ~\nc: null\nd: 'null'\n");
    CHECK(root.find("a")->is_null());
    CHECK(root.find("b")->is_null());
    CHECK(root.find("b")->text == "~");
    CHECK(root.find("c")->is_null());
    CHECK(root.find("d")->is_scalar());
    CHECK(root.find("a")->place.line == 1);  // people look at the key, not at what follows
}

TEST_CASE("places count code points from 1, byte order mark and CRLF included", "[document]") {
    const Node root = node("\xEF\xBB\xBFä: ö\r\nb:\r\n  c: x\r\n");
    CHECK(root.members[0].value.place.line == 1);
    CHECK(root.members[0].value.place.column == 4);
    CHECK(root.find("b")->find("c")->place.line == 3);
    CHECK(root.find("b")->find("c")->place.column == 6);
}

TEST_CASE("an empty file is a null node", "[document]") {
    for (const char* text : {"", "# only a comment\n", "---\n", "\n\n", "\xEF\xBB\xBF"})
        CHECK(node(text).is_null());
}

TEST_CASE("merge keys are resolved as YAML does: shallow, and what is there wins", "[document]") {
    const Node root = node(
        "base: &b { x: 1, m: { p: 1, q: 2 } }\nmore: &m { x: 2, y: 2 }\n"
        "one: { <<: *b, m: { p: 9 } }\ntwo: { <<: [*m, *b], z: 3 }\n");
    CHECK(root.find("one")->find("x")->text == "1");
    CHECK(root.find("one")->find("m")->find("p")->text == "9");
    CHECK(root.find("one")->find("m")->find("q") == nullptr);
    CHECK(root.find("two")->find("x")->text == "2");
    CHECK(root.find("two")->find("y")->text == "2");
    CHECK(root.find("two")->find("z")->text == "3");
    CHECK(fault("a: { <<: [1] }\n") == "1:11 bad_merge");
    CHECK(fault("a: { <<: x }\n") == "1:10 bad_merge");
}

TEST_CASE("every duplicate key is reported with both places", "[document]") {
    const Parsed parsed = parse("a: 1\nb: { x: 1, \"x\": 2 }\na: 3\n");
    REQUIRE(parsed.diagnostics.size() == 2);
    CHECK(format(parsed.diagnostics[0]) ==
          "f:2:12: error: key `x` stands twice in this map, first in line 2 hint: remove one of "
          "them");
    CHECK(parsed.diagnostics[1].line == 3);
}

TEST_CASE("what yaml-cpp would let pass is refused", "[document]") {
    CHECK(fault("a: 'x\nb: 1\n") == "1:4 yaml_syntax");
    CHECK(fault("a: \"x\nb: 1\n") == "1:4 yaml_syntax");
    CHECK(fault("a: &q 'x\n") == "1:7 yaml_syntax");
    CHECK(fault("a: 1\n---\nb: 2\n") == "2:1 multiple_documents");
    CHECK(fault("a: 1\n...\nb: 2\n") == "3:1 multiple_documents");
    CHECK(fault("- a\n-b\n") == "2:1 yaml_syntax");
    CHECK(fault("a: !!str 1\n") == "1:4 tag_not_allowed");
    CHECK(fault("a: ! x\n") == "1:4 tag_not_allowed");
    CHECK(fault("a: !x {}\n") == "1:4 tag_not_allowed");
    CHECK(fault("? [a]\n: b\n") == "1:3 yaml_syntax");
    CHECK(fault("a: &x [*x]\n") == "1:8 alias_cycle");
    CHECK(fault("a: *nope\n").ends_with("unknown_anchor"));
    CHECK(fault("a:\n\tb: 1\n").ends_with("yaml_syntax"));
    CHECK_FALSE(parse("a:\tb\n").diagnostics.size() == 1);  // a tab between key and value is fine
}

TEST_CASE("bad bytes are refused with their offset", "[document]") {
    CHECK(fault("a: \xff\n") == "1:4 bad_encoding");
    CHECK(fault(std::string("a: \0x\n", 6)) == "1:4 bad_encoding");
    CHECK(fault("a: \x1b[31m\n") == "1:4 bad_encoding");
    CHECK(fault(std::string("\xff\xfe"
                            "a\0",
                            4)) == "1:1 bad_encoding");
    CHECK(fault(std::string("\xfe\xff\0a", 4)) == "1:1 bad_encoding");
    CHECK(fault(std::string("a\0:\0", 4)).ends_with("bad_encoding"));
}

TEST_CASE("a file is bounded in size, depth, values and keys", "[document]") {
    CHECK(fault("a: " + std::string(k_max_file_bytes, 'x')) == "0:0 config_too_large");
    CHECK(fault(std::string(33, '[') + std::string(33, ']')).ends_with("too_deep"));
    CHECK(parse(std::string(32, '[') + std::string(32, ']')).diagnostics.empty());
    std::string many = "a: [";
    for (int i = 0; i < 10'000; ++i) many += "x,";
    CHECK(fault(many + "]").ends_with("too_many_nodes"));
    std::string keys;
    for (int i = 0; i < 5'000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
    CHECK(fault(keys).ends_with("too_many_keys"));
}

TEST_CASE("hostile files cost little time", "[document]") {
    std::string keys = "jobs: {";
    for (int i = 0; i < 20'000; ++i) keys += " k" + std::to_string(i) + ": 1,";
    std::string anchors;
    for (int i = 0; i < 5'000; ++i)
        anchors += "k" + std::to_string(i) + ": &a" + std::to_string(i) + " x\n";
    std::string one_line = "a: [";
    for (int i = 0; i < 9'000; ++i) one_line += " aaaaaaaaaaaaaaaaaaaaaaa,";
    const std::vector<std::string> files{
        std::string(100'000, '['),
        std::string(100'000, '{'),
        std::string(50'000, '-') + "\n",
        keys + "}",
        anchors,
        "a: " + std::string(200'000, '!'),
        std::string(100'000, '\n') + "a: 'x",
        std::string(60'000, '&') + "x",
        "a: \"" + std::string(200'000, '\\'),
        "? " + std::string(100'000, ' ') + "[",
        one_line + "] ]",
    };
    for (const std::string& text : files) {
        const auto begin = sluice::testing::cpu_time();
        CHECK(parse(text).diagnostics.size() <= 1);
        const std::chrono::duration<double> took = sluice::testing::cpu_time() - begin;
        CAPTURE(text.substr(0, 10), took.count());
        CHECK(took.count() < 5);  // milliseconds when healthy; quadratic work would take minutes
    }
}

TEST_CASE("aliases that copy a lot are counted before they are copied", "[document]") {
    CHECK(fault("a: &a " + std::string(200'000, 'x') + "\nb: [*a, *a, *a, *a, *a, *a]\n")
              .ends_with("too_many_nodes"));
    std::string bomb = "a0: &a0 [x, x, x, x]\n";
    for (int i = 1; i < 20; ++i)
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
                std::to_string(i - 1) + ", *a" + std::to_string(i - 1) + "]\n";
    CHECK(fault(bomb).ends_with("too_many_nodes"));
    std::string deep = "a0: &a0 [x]\n";
    for (int i = 1; i < 40; ++i)
        deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
                std::to_string(i - 1) + "]\n";
    CHECK(fault(deep).ends_with("too_deep"));
}

TEST_CASE("a place inside a scalar is found through quotes, escapes and folding", "[document]") {
    const auto column = [](const std::string& text, std::string_view needle) {
        Diagnostics diagnostics;
        const int file = diagnostics.add_file("f", text);
        const auto root = parse_document(file, diagnostics);
        REQUIRE(root.has_value());
        const Node& value = root->members[0].value;
        const Place place = diagnostics.within(value, value.text.find(needle));
        return std::to_string(place.line) + ":" + std::to_string(place.column);
    };
    CHECK(column("a: x NEEDLE\n", "NEEDLE") == "1:6");
    CHECK(column("a: \"x NEEDLE\"\n", "NEEDLE") == "1:7");
    CHECK(column("a: \"\\\"x\\\" NEEDLE\"\n", "NEEDLE") == "1:11");
    CHECK(column("a: 'it''s NEEDLE'\n", "NEEDLE") == "1:11");
    CHECK(column("a: |\n  one\n  two NEEDLE\n", "NEEDLE") == "3:7");
    CHECK(column("a: >-\n  one\n  two\n\n  NEEDLE\n", "NEEDLE") == "5:3");
    CHECK(column("a: one\n  two NEEDLE\n", "NEEDLE") == "2:7");
}
