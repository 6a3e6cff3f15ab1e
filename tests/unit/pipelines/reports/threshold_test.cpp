#include "pipelines/reports/threshold.hpp"
#include "pipelines/reports/verdict.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using Limit = model::Amount;
using model::Threshold;
using reports::Metrics;

namespace {

model::Reports with(std::map<std::string, double> metrics) {
    model::Reports reports;
    reports.metrics = std::move(metrics);
    return reports;
}

/// `verdict: text` of each result.
std::vector<std::string> outcomes(const std::vector<Threshold>& thresholds,
                                  const model::Reports& reports,
                                  const std::optional<Metrics>& base = std::nullopt) {
    std::vector<std::string> out;
    for (const auto& result : reports::evaluate(thresholds, reports, base, std::nullopt))
        out.push_back(std::string(to_text(result.verdict)) + ": " + result.text);
    return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("min and max, with percentages where the metric is one", "[threshold]") {
    CHECK(outcomes({{.metric = "auc", .min = Limit{0.8}}}, with({{"auc", 0.79}})) ==
          Lines{"failed: auc is 0.79, the minimum is 0.8"});
    CHECK(outcomes({{.metric = "auc", .min = Limit{79, true}}}, with({{"auc", 0.79}})) ==
          Lines{"passed: auc is 0.79, the minimum is 79%"});
    CHECK(outcomes({{.metric = "p95", .max = Limit{2}}}, with({{"p95", 2.5}})) ==
          Lines{"failed: p95 is 2.5, the maximum is 2"});
    model::Reports covered;
    covered.coverage = {.lines = 10, .lines_covered = 7, .changed_lines = 4, .changed_covered = 3};
    CHECK(outcomes({{.metric = "coverage.lines", .min = Limit{80, true}},
                    {.metric = "coverage.changed", .min = Limit{75}}},
                   covered) == Lines{"failed: coverage.lines is 70%, the minimum is 80%",
                                     "passed: coverage.changed is 75%, the minimum is 75%"});
}

TEST_CASE("a limit is measured against what it names", "[threshold]") {
    const Threshold base{.metric = "auc", .max_drop = Limit{0.1}};
    Threshold target = base;
    target.against = model::Against::target;
    const auto results = reports::evaluate({base, target}, with({{"auc", 0.7}}),
                                           Metrics{{"auc", 0.7}}, Metrics{{"auc", 0.9}});
    REQUIRE(results.size() == 2);
    CHECK(results[0].verdict == model::Verdict::passed);
    CHECK(results[1].verdict == model::Verdict::failed);
    CHECK(results[1].base == 0.9);
}

TEST_CASE("max_drop and max_rise measure against the base", "[threshold]") {
    const Metrics base{{"auc", 0.9}, {"p95", 100}};
    const Threshold drop{.metric = "auc", .max_drop = Limit{0.005}};
    CHECK(outcomes({drop}, with({{"auc", 0.895}}), base) ==
          Lines{"passed: auc went from 0.9 to 0.895"});
    CHECK(outcomes({drop}, with({{"auc", 0.894}}), base) ==
          Lines{"failed: auc went from 0.9 to 0.894, the largest drop allowed is 0.005"});
    CHECK(outcomes({drop}, with({{"auc", 0.99}}), base) ==
          Lines{"passed: auc went from 0.9 to 0.99"});
    const Threshold rise{.metric = "p95", .max_rise = Limit{10, true}, .ignore_below = Limit{20}};
    CHECK(outcomes({rise}, with({{"p95", 110}}), base) ==
          Lines{"passed: p95 went from 100 to 110"});
    CHECK(outcomes({rise}, with({{"p95", 115}}), base) ==
          Lines{"passed: p95 went from 100 to 115, a rise of at most 20 counts as noise"});
    CHECK(outcomes({rise}, with({{"p95", 121}}), base) ==
          Lines{"failed: p95 went from 100 to 121, the largest rise allowed is 10%"});
}

TEST_CASE("no base warns, no metric fails or warns, nothing to cover passes", "[threshold]") {
    CHECK(outcomes({{.metric = "auc", .max_drop = Limit{0.1}}}, with({{"auc", 0.5}})) ==
          Lines{"warned: auc is 0.5; there is no base to measure its drop against"});
    CHECK(outcomes({{.metric = "auc", .min = Limit{0.1}}}, with({})) ==
          Lines{"failed: no report of this job gives auc"});
    CHECK(outcomes({{.metric = "a*", .min = Limit{0.1}, .missing_warns = true}}, with({})) ==
          Lines{"warned: no report of this job gives a*"});
    model::Reports covered;
    covered.coverage = {.lines = 10, .lines_covered = 7, .changed_lines = 0, .changed_covered = 0};
    CHECK(outcomes({{.metric = "coverage.changed", .min = Limit{80, true}}}, covered) ==
          Lines{"passed: the change touches no line that can be covered"});
    covered.coverage->changed_lines.reset();
    CHECK(outcomes({{.metric = "coverage.changed", .min = Limit{80, true}}}, covered) ==
          Lines{"failed: coverage.changed is unknown: what the change touched is not known here"});
}

TEST_CASE("a glob names several metrics", "[threshold]") {
    CHECK(outcomes({{.metric = "val_*", .min = Limit{1}}},
                   with({{"val_a", 2}, {"val_b", 0}, {"other", 0}})) ==
          Lines{"passed: val_a is 2, the minimum is 1", "failed: val_b is 0, the minimum is 1"});
}

TEST_CASE("the numbers of the reports are metrics", "[threshold]") {
    model::Reports reports;
    reports.tests = model::TestReport{.total = 9,
                                      .passed = 5,
                                      .failed = 1,
                                      .errored = 1,
                                      .skipped = 2,
                                      .flaky = 1,
                                      .duration_ms = 1500};
    reports.findings = model::FindingReport{.total = 3, .errors = 1, .warnings = 2};
    auto metrics = reports::metrics_of(reports);
    CHECK(metrics.at("tests.failed") == 2);
    CHECK(metrics.at("tests.flaky") == 1);
    CHECK(metrics.at("tests.seconds") == 1.5);
    CHECK(metrics.at("findings.total") == 3);
    CHECK(!metrics.contains("findings.new"));
    reports.findings->added = 1;
    CHECK(reports::metrics_of(reports).at("findings.new") == 1);
}

TEST_CASE("findings fail by policy, tests by script, thresholds by policy", "[verdict]") {
    const reports::Baseline nothing{.name = "no run yet"};
    model::Reports reports;
    std::vector<model::Finding> findings{
        {.tool = "ruff", .rule = "F401", .message = "unused", .file = "a.py", .line = 3}};
    reports.findings = reports::compare_findings(findings, nothing);
    const reports::Rules lint{.fail_on = reports::FailOn{}};
    auto outcome = reports::judge(reports, lint, reports::counted(findings, {}), nothing);
    REQUIRE(outcome);
    CHECK(outcome->cause == model::Cause::policy);
    CHECK(outcome->message ==
          "new: 1 finding of level warning or worse; first: a.py:3 F401 unused");
    CHECK(!reports::judge(reports, lint, 0, nothing));

    model::Reports tests;
    tests.tests = model::TestReport{.total = 3, .passed = 2, .failed = 1};
    tests.tests->failures = {{.suite = "s", .name = "t", .state = model::TestState::failed}};
    const reports::Rules test{.fail_on_tests = true, .needs_tests = true};
    outcome = reports::judge(tests, test, 0, nothing);
    REQUIRE(outcome);
    CHECK(outcome->cause == model::Cause::script);
    CHECK(outcome->message == "1 test of 3 failed; first: s t");
    model::Reports none;
    CHECK(reports::judge(none, test, 0, nothing)->message == "no test report was written");

    const reports::Rules limits{.thresholds = {{.metric = "tests.total", .min = Limit{5}}}};
    outcome = reports::judge(tests, limits, 0, nothing);
    REQUIRE(outcome);
    CHECK(outcome->cause == model::Cause::policy);
    CHECK(outcome->message == "tests.total is 3, the minimum is 5");
    CHECK(tests.thresholds.size() == 1);
}
