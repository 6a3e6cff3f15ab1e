#include "pipelines/reports/junit.hpp"
#include "pipelines/reports/location.hpp"
#include "pipelines/reports/test_collector.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

using namespace sluice;
using model::TestState;

namespace {

std::string sample(const std::string& name) {
    std::ifstream in(
        std::string(SLUICE_SOURCE_DIR) + "/tests/unit/pipelines/testdata/junit/" + name + ".xml",
        std::ios::binary);
    REQUIRE(in.good());
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

Result<model::TestReport> parse(std::string_view text, std::size_t piece = std::string_view::npos) {
    reports::TestCollector tests;
    reports::JunitParser parser([&](model::TestCase&& test) { tests.add(std::move(test)); });
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        if (auto fed = parser.feed(text.substr(0, piece)); !fed) return fed.error();
    if (auto done = parser.finish(); !done) return done.error();
    return tests.report();
}

/// `state suite.name file:line message`
std::vector<std::string> failures(const model::TestReport& report) {
    std::vector<std::string> out;
    for (const auto& t : report.failures)
        out.push_back(std::string(to_text(t.state)) + " " + t.suite + " " + t.name + " " + t.file +
                      ":" + std::to_string(t.line) + " " + t.message);
    return out;
}

std::string counts(const model::TestReport& r) {
    return std::to_string(r.total) + " total " + std::to_string(r.passed) + " passed " +
           std::to_string(r.failed) + " failed " + std::to_string(r.errored) + " errored " +
           std::to_string(r.skipped) + " skipped";
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a pytest report names the line that asserted, not where the test begins", "[junit]") {
    const Lines expected{
        "failed test_x test_fails test_x.py:3 AssertionError: two was",
        "failed test_x test_plain test_x.py:9 assert [1, 2] == [1, 3]",
        "errored test_x test_error test_x.py:11 failed on setup with \"RuntimeError: setup went "
        "wrong\"",
        "failed test_x test_param[2] test_x.py:16 assert 2 == 1",
    };
    for (const char* flavour : {"pytest", "pytest_xunit1"}) {
        const auto report = parse(sample(flavour)).value();
        CHECK(counts(report) == "7 total 2 passed 3 failed 1 errored 1 skipped");
        CHECK(failures(report) == expected);
        CHECK_THAT(report.failures[0].detail,
                   Catch::Contains("assert n == 2, \"two was\\nexpected <&>\""));
    }
}

TEST_CASE("a gtest report names the first failed expectation", "[junit]") {
    const auto report = parse(sample("gtest")).value();
    CHECK(counts(report) == "5 total 1 passed 2 failed 0 errored 2 skipped");
    CHECK(failures(report) ==
          Lines{"failed Math Fails g.cpp:4 Expected equality of these values: 1 2",
                "failed Math Throws g.cpp:9 unknown file"});
    CHECK_THAT(report.failures[0].detail, Catch::Contains("g.cpp:5\nValue of: false"));
    CHECK_THAT(report.failures[1].detail,
               Catch::Contains("C++ exception with description \"boom\""));
}

TEST_CASE("catch2, ctest, go and jest reports are understood", "[junit]") {
    CHECK(failures(parse(sample("catch2")).value()) ==
          Lines{"failed c.global fails/inner c.cpp:4 1 == 2",
                "errored c.global throws c.cpp:5 boom"});
    const auto ctest = parse(sample("ctest")).value();
    CHECK(counts(ctest) == "3 total 1 passed 1 failed 0 errored 1 skipped");
    CHECK(failures(ctest) == Lines{"failed bad bad src/a.cpp:12 src/a.cpp:12: Failure"});
    const auto go = parse(sample("go")).value();
    CHECK(go.duration_ms == 3);
    CHECK(failures(go) == Lines{"failed example.org/app/calc TestSub calc_test.go:17 Failed"});
    CHECK(failures(parse(sample("jest")).value()) ==
          Lines{"failed sum fails sum fails src/sum.test.js:8 Error: "
                "expect(received).toBe(expected) // Object.is equality"});
}

TEST_CASE("a report may come in pieces of any size", "[junit]") {
    for (const char* name : {"pytest", "gtest", "ctest"}) {
        const std::string text = sample(name);
        const auto whole = parse(text).value();
        for (const std::size_t piece : {1u, 7u, 4096u}) CHECK(parse(text, piece).value() == whole);
    }
}

TEST_CASE("what is no test report is refused with its place", "[junit]") {
    const auto refusal = [](std::string_view text) {
        const auto report = parse(text);
        REQUIRE_FALSE(report.has_value());
        CHECK(report.error().id == "bad_junit");
        return report.error().where + " " + report.error().message;
    };
    CHECK(refusal("") == "1:1 no element found");
    CHECK(refusal("<testsuite>") == "1:12 no element found");
    CHECK(refusal("<html/>") == "1:1 the root is <html>, not <testsuites> or <testsuite>");
    CHECK_THAT(refusal("<testsuite>\n<testcase></testsuite>"), Catch::StartsWith("2:"));
    CHECK(refusal("not xml") == "1:1 syntax error");
    CHECK_THAT(refusal("<testsuite name='\xff'/>"), Catch::Contains("not well-formed"));
    std::string deep;
    for (int i = 0; i < 70; ++i) deep += "<testsuite>";
    CHECK_THAT(refusal(deep), Catch::Contains("nested deeper than 64 levels"));
}

TEST_CASE("entities cannot be defined: no billion laughs, no files of the machine", "[junit]") {
    const auto laughs =
        parse(R"(<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>)");
    CHECK_THAT(laughs.error().message, Catch::Contains("document type"));
    const auto file = parse(R"(<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>)");
    CHECK_THAT(file.error().message, Catch::Contains("document type"));
}

TEST_CASE("a flood of failures is cut and says so", "[junit]") {
    std::string text = "<testsuite>";
    for (int i = 0; i < 1500; ++i)
        text += "<testcase name='t'><failure>" + std::string(100, 'x') + "</failure></testcase>";
    const auto report = parse(text + "</testsuite>").value();
    CHECK(report.failed == 1500);
    CHECK(report.failures.size() == 1000);
    CHECK(report.truncated);
    const auto big = parse("<testsuite><testcase name='t'><failure>" + std::string(1 << 20, 'y') +
                           "</failure></testcase></testsuite>")
                         .value();
    CHECK(big.failures[0].detail.size() == 16 * 1024);
    CHECK(big.failures[0].message.size() == 1024);
}

TEST_CASE("reports of several files add up", "[junit]") {
    reports::TestCollector tests;
    for (const char* name : {"pytest", "gtest"}) {
        reports::JunitParser parser([&](model::TestCase&& test) { tests.add(std::move(test)); });
        REQUIRE(parser.feed(sample(name)));
        REQUIRE(parser.finish());
    }
    const auto& sum = tests.report();
    CHECK(counts(sum) == "12 total 3 passed 5 failed 1 errored 3 skipped");
    CHECK(sum.failures.size() == 6);
}

TEST_CASE("a failure text names its place", "[junit]") {
    const auto place = [](std::string_view text, std::string_view file = "") {
        const auto found = reports::find_location(text, file);
        return found ? found->file + ":" + std::to_string(found->line) : std::string("-");
    };
    CHECK(place("tests/test_x.py:12: AssertionError") == "tests/test_x.py:12");
    CHECK(place("file.cpp:12: Failure") == "file.cpp:12");
    CHECK(place("a.py:1: in f\n  x\nb.py:2: ValueError") == "b.py:2");
    CHECK(place("lib/b.cc:5\nlib/a.cc:7", "a.cc") == "a.cc:7");
    CHECK(place("at 12:30:05 the server on host:8080 said no") == "-");
    CHECK(place("std::vector:3") == "-");
    CHECK(place("x.cpp:0") == "-");
    CHECK(place("x.cpp:99999999999999") == "-");
    CHECK(place("") == "-");
}
