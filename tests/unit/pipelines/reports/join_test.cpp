#include "pipelines/reports/join.hpp"
#include "pipelines/plan/shards.hpp"
#include "pipelines/reports/coverage_file.hpp"

#include <catch2/catch.hpp>

using namespace sluice;

namespace {

reports::FileCoverage file(std::string name, std::vector<reports::LineHits> lines,
                           std::vector<std::uint32_t> changed) {
    return {std::move(name), std::move(lines), std::move(changed), true};
}

model::Reports with_tests(int passed, std::vector<std::int64_t> slowest) {
    model::Reports out;
    out.tests.emplace();
    out.tests->total = out.tests->passed = passed;
    for (const std::int64_t ms : slowest) {
        model::TestCase test;
        test.name = std::to_string(ms);
        test.duration_ms = ms;
        out.tests->slowest.push_back(test);
    }
    return out;
}

}  // namespace

TEST_CASE("reports of shards add up, and keep their limits", "[shards]") {
    auto one = with_tests(3, {90, 70, 50, 30, 10, 9, 8, 7, 6, 5});
    one.metrics = {{"size", 1}, {"only", 2}};
    auto two = with_tests(4, {80, 60, 40});
    two.metrics = {{"size", 5}};
    two.findings.emplace().total = 2;
    two.findings->added = 1;
    const auto joined = reports::join({one, model::Reports{}, two});
    CHECK(joined.tests->total == 7);
    CHECK(joined.tests->passed == 7);
    REQUIRE(joined.tests->slowest.size() == 10);
    CHECK(joined.tests->slowest[1].duration_ms == 80);
    CHECK(joined.findings->added == 1);
    CHECK(joined.metrics == std::map<std::string, double>{{"size", 5}, {"only", 2}});
    CHECK(!joined.coverage);
    CHECK(!reports::join({model::Reports{}}).tests);
}

TEST_CASE("a line is covered when one of the shards covers it", "[shards][coverage]") {
    reports::JoinedCoverage joined;
    joined.add(file("a.c", {{1, 1}, {2, 0, 2, 1}, {4, 0}}, {2}));
    joined.add(file("a.c", {{2, 3, 2, 2}, {3, 0}, {4, 0}}, {2, 4}));
    joined.add(file("b.c", {{7, 0}}, {}));
    const auto& a = joined.files().at("a.c");
    CHECK(a.lines == std::vector<reports::LineHits>{{1, 1}, {2, 3, 2, 2}, {3, 0}, {4, 0}});
    CHECK(a.changed == std::vector<std::uint32_t>{2, 4});
    const auto report = joined.report();
    CHECK(report.files == 2);
    CHECK(report.lines == 5);
    CHECK(report.lines_covered == 2);
    CHECK(report.branches_covered == 2);
    CHECK(report.changed_lines == 2);
    CHECK(report.changed_covered == 1);
    CHECK(reports::uncovered(a) == "3-4");
    CHECK(reports::uncovered(a, a.changed) == "4");
}

TEST_CASE("lines that can't be covered don't break a range", "[coverage]") {
    CHECK(reports::uncovered(file("a", {{1, 0}, {5, 0}, {6, 1}, {9, 0}, {12, 1}, {13, 0}}, {})) ==
          "1-5, 9, 13");
    CHECK(reports::uncovered(file("a", {}, {})).empty());
}

TEST_CASE("coverage of a file is read as it was written, and damage is refused", "[coverage]") {
    const auto whole = file("a.c", {{1, 4294967295U}, {3, 0, 4, 2}}, {3});
    CHECK(reports::file_coverage_from_json(reports::to_json(whole)).value() == whole);
    for (const char* bad :
         {R"({"lines":[]})", R"({"file":"a"})", R"({"file":"a","lines":[1]})",
          R"({"file":"a","lines":[[2,0],[1,0]]})", R"({"file":"a","lines":[[0,1]]})"})
        CHECK(reports::file_coverage_from_json(json::parse(bad).value()).error().id ==
              "bad_coverage");
}

TEST_CASE("ids of shards tell their job", "[shards]") {
    plan::PlannedJob job;
    job.spec.id = job.spec.base = job.spec.name = "test";
    job.spec.test.shards = 12;
    auto shards = plan::split_into_shards(job);
    REQUIRE(shards.size() == 12);
    CHECK(shards[9].spec.id == "test (10/12)");
    CHECK(plan::shard_group(shards[9].spec) == "test");
    job.spec.id = job.spec.name = "test (a, (b))";
    shards = plan::split_into_shards(job);
    CHECK(shards[0].spec.id == "test (a, (b), 1/12)");
    CHECK(plan::shard_group(shards[0].spec) == "test (a, (b))");
    CHECK(plan::shard_group(model::JobSpec{}).empty());
}
