#include "pipelines/model/event.hpp"
#include "pipelines/model/outcome.hpp"
#include "pipelines/model/spec.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::model;
using namespace std::chrono_literals;

namespace {

JobSpec full_spec() {
    JobSpec spec;
    spec.id = "test (3.11)";
    spec.base = "test";
    spec.name = "Test ä";
    spec.kind = "script";
    spec.matrix = {{"py", "3.11"}};
    spec.env = {{"A", ""}, {"B", "$X"}};
    StepSpec step;
    step.id = "one";
    step.name = "first";
    step.run = "echo \"hi\"\n";
    step.shell = "bash";
    step.working_directory = "sub";
    step.env = {{"C", "1"}};
    step.timeout = 90s;
    step.when = When::always;
    step.condition = "steps.one.result == 'passed'";
    step.allow_failure.exit_codes = {1, 42};
    spec.steps = {step, StepSpec{.run = "true"}};
    spec.image = "python:3.11";
    spec.runs_on = {"linux", "zone=eu"};
    spec.timeout = 1h;
    spec.allow_failure.any = true;
    spec.source = false;
    spec.replayable = false;
    spec.artifacts = {
        {.name = "out", .paths = {"out/**"}, .expire_in = 30 * 24h, .when = UploadWhen::failure}};
    spec.reports = {{.format = "junit", .paths = {"out/junit.xml"}}};
    spec.retry = {{"infra", 2}, {"script", 0}};
    return spec;
}

}  // namespace

TEST_CASE("a job spec goes through JSON unchanged", "[model]") {
    const JobSpec spec = full_spec();
    const auto text = json::serialize(to_json(spec));
    CHECK(job_spec_from_json(json::parse(text).value()).value() == spec);
    JobSpec small{.id = "a", .base = "a"};
    CHECK(json::serialize(to_json(small)) == R"({"id":"a","base":"a","kind":"script"})");
    CHECK(job_spec_from_json(to_json(small)).value() == small);
}

TEST_CASE("a job spec with a foreign or wrong member is refused at its place", "[model]") {
    const auto refused = [](const std::string& parent, const char* key, json::Value member) {
        json::Value value = to_json(full_spec());
        value.at_pointer(parent).as_object()[key] = std::move(member);
        const auto parsed = job_spec_from_json(value, "/spec");
        REQUIRE_FALSE(parsed.has_value());
        return parsed.error().where;
    };
    CHECK(refused("", "extra", 1) == "/spec/extra");
    CHECK(refused("/steps/0", "extra", 1) == "/spec/steps/0/extra");
    CHECK(refused("/steps/1", "run", 5) == "/spec/steps/1/run");
    CHECK(refused("/steps/0", "when", "sometimes") == "/spec/steps/0/when");
    CHECK(refused("", "timeout_ms", -5) == "/spec/timeout_ms");
    CHECK(refused("", "allow_failure", "yes") == "/spec/allow_failure");
    CHECK(refused("/reports/0", "format", nullptr) == "/spec/reports/0/format");
    CHECK(refused("", "id", nullptr) == "/spec/id");
    CHECK(refused("", "retry", "2") == "/spec/retry");
}

TEST_CASE("an event goes through JSON unchanged, hostile strings and all", "[model]") {
    Event event{.kind = EventKind::pull_request, .sha = std::string(40, 'a')};
    event.message = "fix $(id) <script> \xE2\x80\xAE";
    event.pull_request = PullRequest{.number = 7,
                                     .title = "t",
                                     .author = "x",
                                     .source_branch = "$(id)",
                                     .target_branch = "main",
                                     .draft = true,
                                     .fork = true,
                                     .labels = {"a", "b"}};
    event.options = {"ci.skip"};
    CHECK(event_from_json(json::parse(json::serialize(to_json(event))).value(), "").value() ==
          event);

    Event push{.kind = EventKind::push,
               .branch = "main",
               .sha = std::string(40, 'b'),
               .old_sha = std::string(40, '0'),
               .forced = true,
               .actor = "a",
               .author = "b"};
    CHECK(event_from_json(to_json(push), "").value() == push);
    CHECK(event_from_json(json::parse(R"({"kind":"shedule"})").value(), "").error().where ==
          "/kind");
    CHECK(event_from_json(json::parse(R"({"kind":"push","x":1})").value(), "").error().id ==
          "unknown_field");
}

TEST_CASE("outcomes, steps and reports go through JSON unchanged", "[model]") {
    const Outcome outcome{AttemptResult::failed, 3, std::nullopt, Cause::script, "exit code 3"};
    CHECK(outcome_from_json(to_json(outcome), "").value() == outcome);
    const StepStatus step{"build", StepState::failed, 3, 10, 20, 30};
    CHECK(step_status_from_json(to_json(step), "").value() == step);

    Reports reports;
    reports.tests = TestReport{.total = 3,
                               .passed = 1,
                               .failed = 1,
                               .errored = 1,
                               .duration_ms = 12,
                               .failures = {{"s", "n", TestState::failed, 1, "m", "d", "f.py", 12}},
                               .truncated = true};
    reports.problems = {"reports.junit: out/junit.xml: no such file"};
    CHECK(reports_from_json(to_json(reports), "").value() == reports);
    CHECK(reports_from_json(json::parse("{}").value(), "").value() == Reports{});
    CHECK(outcome_from_json(json::parse(R"({"result":"lost"})").value(), "/o").error().where ==
          "/o/result");
}
