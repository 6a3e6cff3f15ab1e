#include "pipelines/reports/flaky.hpp"
#include "pipelines/reports/junit.hpp"
#include "pipelines/reports/shards.hpp"
#include "pipelines/reports/tap.hpp"
#include "pipelines/reports/test_collector.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <numeric>

using namespace sluice;
using model::TestCase;
using model::TestState;
using reports::TestCollector;

namespace {

/// `state suite/name message`, one line each.
std::string tap(std::string_view text, std::size_t piece = std::string_view::npos) {
    std::string out;
    reports::TapParser parser([&](TestCase&& test) {
        out += fmt::format("{} {}/{}{}{}\n", to_text(test.state), test.suite, test.name,
                           test.message.empty() ? "" : ": ", test.message);
    });
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        if (auto fed = parser.feed(text.substr(0, piece)); !fed) return fed.error().message;
    if (auto done = parser.finish(); !done) return done.error().message;
    return out;
}

std::string counts(const model::TestReport& r) {
    return fmt::format("{} total {} passed {} failed {} errored {} skipped {} flaky", r.total,
                       r.passed, r.failed, r.errored, r.skipped, r.flaky);
}

}  // namespace

TEST_CASE("TAP: results, directives and diagnostics", "[tap]") {
    const auto text =
        "TAP version 13\n1..6\nok 1 - adds\nnot ok 2 - divides\n  ---\n  message: 'by zero'\n"
        "  severity: fail\n  duration_ms: 12.5\n  ...\nok 3 - later # SKIP not on this host\n"
        "not ok 4 - someday # TODO write it\nok 5\nnot ok 6 - old style\n"
        "#   Failed test 'old style'\n#   at t/x.t line 4.\n";
    const auto expected =
        "passed /adds\nfailed /divides: by zero\nskipped /later\nskipped /someday\n"
        "passed /test 5\nfailed /old style: Failed test 'old style'\n";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::string_view::npos})
        CHECK(tap(text, piece) == expected);
}

TEST_CASE("TAP: leaves of subtests count, their parents do not", "[tap]") {
    CHECK(tap("TAP version 14\n# Subtest: outer\n    # Subtest: inner\n        ok 1 - a\n"
              "        not ok 2 - b\n        1..2\n    not ok 1 - inner\n    1..1\n"
              "not ok 1 - outer\nok 2 - alone\n1..2\n") ==
          "passed outer > inner/a\nfailed outer > inner/b\npassed /alone\n");
    CHECK(tap("# Subtest: p\n    ok 1 - a\n    1..1\nnot ok 1 - p\n1..1\n") ==
          "passed p/a\nfailed /p\n");
}

TEST_CASE("TAP: a run that broke off is not green", "[tap]") {
    CHECK(tap("1..3\nok 1\nok 2\n") ==
          "passed /test 1\npassed /test 2\nerrored /plan: 3 tests were planned, 2 ran\n");
    CHECK(tap("1..3\nok 1\nBail out! no database\n") ==
          "passed /test 1\nerrored /Bail out!: no database\n");
    CHECK(tap("1..0 # skip all\n") == "");
    CHECK(tap("") == "no plan and no test in it");
    CHECK(tap("Segmentation fault\nokay then\n") == "no plan and no test in it");
    CHECK(tap("not ok 1 - x\n  ---\n  unterminated: [\n") == "failed /x: unterminated: [\n");
}

TEST_CASE("a test that fails and then passes is flaky, when the job reran what failed", "[tests]") {
    TestCollector tests(true);
    tests.add({.suite = "s", .name = "a", .state = TestState::failed, .message = "first"});
    tests.add({.suite = "s", .name = "b", .state = TestState::failed});
    tests.add({.suite = "s", .name = "c", .state = TestState::passed});
    tests.add({.suite = "s", .name = "a", .state = TestState::failed, .message = "second"});
    tests.add({.suite = "s", .name = "b", .state = TestState::passed});
    CHECK(counts(tests.report()) == "3 total 2 passed 1 failed 0 errored 0 skipped 1 flaky");
    REQUIRE(tests.report().failures.size() == 1);
    CHECK(tests.report().failures[0].attempts == 2);
    CHECK(tests.report().failures[0].message == "first");
    REQUIRE(tests.report().flaky_cases.size() == 1);
    CHECK(tests.report().flaky_cases[0].name == "b");
    CHECK(tests.report().flaky_cases[0].flaky);
    CHECK(tests.report().flaky_cases[0].attempts == 2);
}

TEST_CASE("two tests of one name do not hide each other's failure", "[tests]") {
    TestCollector tests;
    tests.add({.name = "a", .state = TestState::failed});
    tests.add({.name = "a", .state = TestState::passed});
    CHECK(counts(tests.report()) == "2 total 1 passed 1 failed 0 errored 0 skipped 0 flaky");
    TestCollector reran(true);
    reran.add({.name = "a", .state = TestState::passed});
    reran.add({.name = "a", .state = TestState::failed});
    CHECK(counts(reran.report()) == "2 total 1 passed 1 failed 0 errored 0 skipped 0 flaky");
}

TEST_CASE("the slowest tests are listed without their texts", "[tests]") {
    TestCollector tests;
    for (int i = 0; i < 50; ++i)
        tests.add({.name = std::to_string(i), .duration_ms = (i * 37) % 50, .detail = "text"});
    const auto& slowest = tests.report().slowest;
    REQUIRE(slowest.size() == 10);
    for (int i = 0; i < 10; ++i) CHECK(slowest[static_cast<std::size_t>(i)].duration_ms == 49 - i);
    CHECK(slowest[0].detail.empty());
}

TEST_CASE("surefire's flaky failures are attempts of a test that passed", "[tests]") {
    TestCollector tests;
    reports::JunitParser parser([&](TestCase&& test) { tests.add(std::move(test)); });
    REQUIRE(parser.feed(R"(<testsuite><testcase name="a" classname="A">
        <flakyFailure message="once">at A.java:3</flakyFailure></testcase>
        <testcase name="b" classname="A"><failure message="x"/><rerunFailure message="x"/></testcase>
        </testsuite>)"));
    REQUIRE(parser.finish());
    CHECK(counts(tests.report()) == "2 total 1 passed 1 failed 0 errored 0 skipped 1 flaky");
    CHECK(tests.report().flaky_cases.at(0).message == "once");
    CHECK(tests.report().failures.at(0).attempts == 2);
}

TEST_CASE("flaky over history: both answers on one commit", "[tests]") {
    const auto P = TestState::passed, F = TestState::failed;
    const std::vector<reports::TestRun> history{
        {"stable", "c1", P}, {"stable", "c2", P}, {"broken", "c1", P},
        {"broken", "c2", F}, {"broken", "c3", P}, {"flaky", "c1", F},
        {"flaky", "c1", P},  {"flaky", "c2", P},  {"worse", "c1", P},
        {"worse", "c1", F},  {"skips", "c1", F},  {"skips", "c1", TestState::skipped}};
    const auto found = reports::flaky_tests(history);
    REQUIRE(found.size() == 2);
    CHECK(found[0] == reports::FlakyTest{"worse", 2, 1, 1, 1, 1.0});
    CHECK(found[1] == reports::FlakyTest{"flaky", 3, 1, 1, 2, 0.5});
}

TEST_CASE("shards hold every test once, whatever the order of the names", "[shards]") {
    std::vector<std::string> names;
    std::map<std::string, std::int64_t> durations;
    for (int i = 0; i < 200; ++i) {
        names.push_back(fmt::format("t{:03}", i));
        if (i % 3 != 0) durations[names.back()] = (i * i) % 997;
    }
    for (const int count : {1, 2, 7, 200, 300}) {
        const auto shards = reports::split_tests(names, durations, count);
        REQUIRE(shards.size() == static_cast<std::size_t>(count));
        std::vector<std::string> all;
        for (const auto& shard : shards) all.insert(all.end(), shard.begin(), shard.end());
        std::sort(all.begin(), all.end());
        CHECK(all == names);
        auto backwards = names;
        std::reverse(backwards.begin(), backwards.end());
        auto other = reports::split_tests(backwards, durations, count);
        for (auto& shard : other) std::reverse(shard.begin(), shard.end());
        CHECK(other == shards);
    }
}

TEST_CASE("shards end together", "[shards]") {
    const std::map<std::string, std::int64_t> durations{{"a", 100}, {"b", 60}, {"c", 50},
                                                        {"d", 40},  {"e", 30}, {"f", 20}};
    const auto shards = reports::split_tests({"a", "b", "c", "d", "e", "f"}, durations, 3);
    CHECK(shards == std::vector<std::vector<std::string>>{{"a"}, {"b", "e", "f"}, {"c", "d"}});
    CHECK(reports::split_tests({}, {}, 2) == std::vector<std::vector<std::string>>{{}, {}});
    CHECK(reports::split_tests({"a", "a"}, {}, 0) == std::vector<std::vector<std::string>>{{"a"}});
    // What was measured as nothing still counts, and unknown ones count as the median.
    const auto even = reports::split_tests({"p", "q", "r", "s"}, {{"p", 0}, {"q", 0}}, 2);
    CHECK(even[0].size() == 2);
}

TEST_CASE("recorded times find the names that a framework lists", "[shards]") {
    const std::vector<reports::TestTime> times{{"tests.test_a", "one", "", 10},
                                               {"tests.test_a.TestX", "two", "", 5},
                                               {"example.org/pkg", "TestY", "", 7},
                                               {"", "ctest name", "", 3},
                                               {"other", "x", "src/a.test.js", 2},
                                               {"Suite", "Case", "", 4},
                                               {"bin.global", "a case/in a section/deeper", "", 6},
                                               {"bin.global", "a case/another", "", 1}};
    const std::map<std::string, std::int64_t> expected{
        {"tests/test_a.py", 15}, {"example.org/pkg", 7}, {"ctest name", 3},
        {"src/a.test.js", 2},    {"Suite.Case", 4},      {"a case", 7}};
    CHECK(reports::durations_of({"tests/test_a.py", "tests/test_b.py", "example.org/pkg",
                                 "ctest name", "src/a.test.js", "Suite.Case", "a case"},
                                times) == expected);
}
