#include "pipelines/reports/coverage.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace sluice;
using reports::Coverage;

namespace {

const reports::PathMap k_paths{{"/ws"}, ""};

/// `file: line=hits (covered/branches)…`
std::string show(const Coverage& coverage) {
    std::string out;
    for (const auto& [file, lines] : coverage.files()) {
        out += file + ":";
        for (const auto& line : lines) {
            out += fmt::format(" {}={}", line.line, line.hits);
            if (line.branches > 0)
                out += fmt::format("({}/{})", line.branches_covered, line.branches);
        }
        out += "\n";
    }
    return out;
}

std::string read(std::string_view text, std::size_t piece = std::string_view::npos,
                 std::function<bool(const std::string&)> exists = {}) {
    Coverage coverage;
    const auto format = reports::coverage_format(text);
    if (!format) return "unknown format";
    reports::CoverageParser parser(*format, k_paths, std::move(exists), coverage);
    Result<> state;
    for (; state && !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        state = parser.feed(text.substr(0, piece));
    if (state) state = parser.finish();
    if (!state) return state.error().id + ": " + state.error().message;
    coverage.settle();
    return show(coverage);
}

const char* const k_cobertura = R"xml(<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>
<coverage line-rate="0.5"><sources><source>/ws/src</source></sources><packages><package name=".">
<classes><class filename="app.py" name="app.py"><methods><method name="f"><lines>
<line number="1" hits="9"/></lines></method></methods>
<lines><line number="1" hits="1"/><line number="3" hits="0"/>
<line number="2" hits="2" branch="true" condition-coverage="50% (1/2)"/></lines></class>
<class filename="/usr/lib/x.py"><lines><line number="1" hits="1"/></lines></class>
</classes></package></packages></coverage>)xml";

const char* const k_lcov =
    "TN:test\nSF:/ws/a.c\nFN:1,f\nDA:1,4\nDA:2,0\nDA:2,3\nBRDA:2,0,0,1\nBRDA:2,0,1,-\nLF:2\nLH:1\n"
    "end_of_record\nSF:/usr/include/"
    "stdio.h\nDA:1,1\nend_of_record\nSF:b.c\nDA:7,-1\nend_of_record\n";

const char* const k_gcov =
    R"({"format_version":"1","current_working_directory":"/ws/build","data_file":"a.gcda","files":[
    {"file":"../src/a.cpp","functions":[],"lines":[{"line_number":3,"count":2,"branches":[
    {"count":1,"fallthrough":true,"throw":false},{"count":0,"fallthrough":false,"throw":true}]},
    {"line_number":4,"count":0,"branches":[]},{"line_number":3,"count":1,"branches":[]}]},
    {"file":"/usr/include/c++/12/vector","lines":[{"line_number":1,"count":1}]}]}
{"files":[{"file":"src/b.cpp","lines":[{"line_number":1,"count":99999999999}]}]})";

}  // namespace

TEST_CASE("coverage is read from Cobertura, lcov and gcov, in pieces of any size", "[coverage]") {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, std::string_view::npos}) {
        CHECK(read(k_cobertura, piece) == "src/app.py: 1=1 2=2(1/2) 3=0\n");
        CHECK(read(k_lcov, piece) == "a.c: 1=4 2=3(1/2)\nb.c: 7=0\n");
        CHECK(read(k_gcov, piece) == "src/a.cpp: 3=3(1/2) 4=0\nsrc/b.cpp: 1=4294967295\n");
    }
}

TEST_CASE("where a Cobertura file name starts from is found by what exists", "[coverage]") {
    const auto only = [](std::string wanted) {
        return [wanted](const std::string& path) { return path == wanted; };
    };
    CHECK(read(k_cobertura, std::string_view::npos, only("app.py")) ==
          "app.py: 1=1 2=2(1/2) 3=0\n");
    CHECK(read(k_cobertura, std::string_view::npos, only("src/app.py")) ==
          "src/app.py: 1=1 2=2(1/2) 3=0\n");
}

TEST_CASE("bad coverage is refused", "[coverage]") {
    const std::pair<std::string, std::string> cases[] = {
        {"", "unknown format"},
        {"PK\x03\x04", "unknown format"},
        {"<testsuites/>", "bad_coverage: the root is not <coverage>"},
        {"<coverage>", "bad_coverage: no element found"},
        {"TN:\nend_of_record\n", "bad_coverage: no record of lcov in it (SF: …)"},
        {"{\"a\":1}", "bad_coverage: no gcov document: `files` is missing"},
        {"{\"files\":[", "bad_coverage: the JSON is cut off"},
        {"<!DOCTYPE c [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><coverage>&x;</coverage>",
         "bad_coverage: a document type is not allowed in a report"},
    };
    for (const auto& [text, refusal] : cases) {
        INFO(text);
        CHECK(read(text) == refusal);
    }
    CHECK(read("SF:a.c\nDA:\nDA:x,y\nDA:0,1\nBRDA:\nDA:99999999999999,1\nDA:5\nend_of_record") ==
          "a.c: 5=0\n");
}

TEST_CASE("totals, and those of the lines that the change touched", "[coverage]") {
    Coverage coverage;
    for (std::uint32_t line = 1; line <= 10; ++line)
        REQUIRE(coverage.add("a.c", {line, line <= 6 ? 1u : 0u, 0, 0}));
    REQUIRE(coverage.add("b.c", {1, 1, 2, 1}));
    coverage.settle();
    CHECK(coverage.report(std::nullopt).lines == 11);
    CHECK(coverage.report(std::nullopt).lines_covered == 7);
    CHECK(coverage.report(std::nullopt).branches_covered == 1);
    CHECK(!coverage.report(std::nullopt).changed_lines);
    const reports::ChangedLines changed{{"a.c", {"a.c", {{5, 0, 6, 3}}}}};
    CHECK(coverage.report(changed).changed_lines == 3);
    CHECK(coverage.report(changed).changed_covered == 1);
    CHECK(coverage.report(reports::ChangedLines{}).changed_lines == 0);
}

TEST_CASE("coverage of several files adds up", "[coverage]") {
    Coverage a, b;
    REQUIRE(a.add("x", {1, 1, 2, 1}));
    REQUIRE(a.add("x", {2, 0, 0, 0}));
    REQUIRE(b.add("x", {2, 5, 0, 0}));
    REQUIRE(b.add("x", {1, 0, 2, 2}));
    a.merge(b);
    CHECK(show(a) == "x: 1=1(2/2) 2=5\n");
}
