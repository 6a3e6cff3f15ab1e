#include "pipelines/plan/late.hpp"
#include "pipelines/plan/advance.hpp"
#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/fold_text.hpp"
#include "pipelines/plan/hash.hpp"
#include "tests/cpu_time.hpp"
#include "tests/unit/pipelines/file_run.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

using namespace sluice;
using namespace sluice::plan;
using model::JobState;
using model::OutputType;

namespace {

using Run = test::FileRun;

std::string refusal(OutputType type, std::string_view text) {
    const auto result = canonical_output(type, text);
    return result ? "accepted as " + *result : result.error().message;
}

const std::string k_digest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST_CASE("an output has one form, and what is none of its type says why", "[outputs]") {
    CHECK(canonical_output(OutputType::string, " a\nb ").value() == " a\nb ");
    CHECK(canonical_output(OutputType::number, " 1.50\n").value() == "1.5");
    CHECK(canonical_output(OutputType::number, "1e3").value() == "1000");
    CHECK(canonical_output(OutputType::number, "-0").value() == "0");
    CHECK(refusal(OutputType::number, "0x10") == "is not a number: \"0x10\"");
    CHECK(refusal(OutputType::number, "1e999") == "is not a number: \"1e999\"");
    CHECK(refusal(OutputType::number, "") == "is not a number: \"\"");
    CHECK(canonical_output(OutputType::boolean, "true ").value() == "true");
    CHECK(refusal(OutputType::boolean, "yes") == "is not true or false: \"yes\"");
    CHECK(canonical_output(OutputType::digest, k_digest).value() == k_digest);
    const std::string reference = "registry.example:5000/team/app@" + k_digest;
    CHECK(canonical_output(OutputType::digest, reference).value() == reference);
    for (const std::string& bad :
         {std::string("sha256:abc"), "sha256:" + std::string(64, 'A'), "$(id)@" + k_digest,
          k_digest + ";id", "@" + k_digest, "a b@" + k_digest})
        CHECK_FALSE(canonical_output(OutputType::digest, bad).has_value());
    CHECK(canonical_output(OutputType::list, "[\"a\", 1, true]").value() ==
          "[\"a\",\"1\",\"true\"]");
    CHECK(canonical_output(OutputType::list, "a b\n\n c\n").value() == "[\"a b\",\"c\"]");
    CHECK(canonical_output(OutputType::list, "").value() == "[]");
    CHECK(refusal(OutputType::list, "[[1]]") ==
          "holds something that is no text, number or boolean");
    CHECK(refusal(OutputType::list, "[1") == "begins with `[` and is no JSON array: \"[1\"");
    CHECK(refusal(OutputType::string, std::string("a\xff")) == "is not valid UTF-8 text");
    CHECK(refusal(OutputType::string, std::string(k_max_output_bytes + 1, 'x')) ==
          "has 65537 bytes, at most 65536");
    std::string lines;  // quotes and commas count: the form is what travels
    for (int i = 0; i < 900; ++i) lines += std::string(70, 'x') + "\n";
    CHECK(refusal(OutputType::list, lines) == "has 65701 bytes, at most 65536");
    CHECK(refusal(OutputType::dataset, "x") ==
          "is of type dataset, which $CI_OUTPUT does not carry");
}

TEST_CASE("the form of an output is the form of its form, whatever was written",
          "[outputs][property]") {
    std::mt19937 random(7);
    const std::string alphabet = "[]\"\\,:{}@sha256:abc0123456789.-+eE \n\ttruefalse\xc3\xa4";
    for (int round = 0; round < 4'000; ++round) {
        std::string text;
        for (unsigned left = random() % 24; left > 0; --left)
            text += alphabet[random() % alphabet.size()];
        for (const OutputType type : {OutputType::string, OutputType::number, OutputType::boolean,
                                      OutputType::digest, OutputType::list}) {
            const auto once = canonical_output(type, text);
            if (!once) continue;
            INFO(text);
            const auto twice = canonical_output(type, *once);
            REQUIRE(twice.has_value());
            CHECK(*twice == *once);
            CHECK_FALSE(output_value(type, *once).is_null());
        }
    }
}

TEST_CASE("a text folded first and completed later is the text evaluated at once",
          "[late][property]") {
    const std::vector<std::string> pieces = {
        "plain ",
        "$(id) ${{ '${{' }} }}",
        "${{ commit.message }}",
        "${{ needs.a.outputs.s }}",
        "${{ needs.a.outputs.n }}",
        "${{ needs['a'].outputs['s'] ?? commit.message }}",
        "${{ needs.gone.outputs.s ?? commit.message }}",
        "${{ choose(needs.a.outputs.b && branch == 'main', commit.message, needs.a.outputs.s) }}",
        "${{ join([commit.message, needs.a.outputs.s, 'it''s'], '-') }}",
        "${{ upper(replace(commit.message, '$', needs.a.outputs.s)) }}",
        "${{ to_json([needs.a.outputs.s, commit.message]) }}",
        "${{ needs.a.result == 'passed' }}",
    };
    const std::string alphabet = "a${} '\"\\\n#:\xc3\xa4";
    std::mt19937 random(11);
    const auto any_text = [&] {
        std::string out = random() % 3 == 0 ? "${{ needs.a.outputs.n }}" : "";
        for (unsigned left = random() % 12; left > 0; --left)
            out += alphabet[random() % (alphabet.size() - 2)];
        return out + "\xc3\xa4";
    };
    for (int round = 0; round < 3'000; ++round) {
        const expr::Value needs = expr::Value::object(
            {{"a", expr::Value::object(
                       {{"result", expr::Value::of("passed")},
                        {"outputs",
                         expr::Value::object({{"s", expr::Value::of(any_text())},
                                              {"n", expr::Value::of(random() % 100 / 8.0)},
                                              {"b", expr::Value::of(random() % 2 == 0)}})}})}});
        expr::Context early;
        early.contexts.fields = {
            {"branch", expr::Value::of("main")},
            {"commit", expr::Value::object({{"message", expr::Value::of(any_text())}})}};
        expr::Context whole = early;
        whole.contexts.fields.push_back({"needs", needs});
        expr::Context late;
        late.contexts.fields.push_back({"needs", needs});

        std::string text;
        for (unsigned left = 1 + random() % 5; left > 0; --left)
            text += pieces[random() % pieces.size()];
        expr::Template parts;
        std::vector<expr::Problem> problems;
        INFO(text);
        REQUIRE(expr::parse_template(text, parts, problems));
        TextProblem problem;
        const auto at_once = fold_text(parts, whole, {}, problem);
        REQUIRE(at_once.has_value());
        const auto first = fold_text(parts, early, {"needs"}, problem);
        REQUIRE(first.has_value());
        if (first->known) {
            CHECK(first->text == at_once->text);
            continue;
        }
        expr::Template rest;
        INFO(first->text);
        REQUIRE(expr::parse_template(first->text, rest, problems, expr::k_generated));
        CHECK_FALSE(reads(rest, {"commit", "branch"}));
        const auto then = fold_text(rest, late, {}, problem);
        REQUIRE(then.has_value());
        CHECK(then->text == at_once->text);
    }
}

TEST_CASE("a job is completed with the outputs of its needs when they have ended", "[late]") {
    Run run(R"yaml(
  a: { run: x, outputs: { s: string, n: number, b: boolean, d: digest, l: list } }
  b:
    needs: [a]
    image: "app@${{ needs.a.outputs.d }}"
    env: { S: "${{ needs.a.outputs.s }}", M: "${{ commit.message }}: ${{ needs.a.outputs.s }}", L: "${{ join(needs.a.outputs.l, '+') }}", K: known }
    run: [ "first", "test ${{ needs.a.outputs.n }}" ]
)yaml");
    CHECK(run.state("b") == "waiting");
    CHECK(run.spec("b").env == std::map<std::string, std::string>{{"K", "known"}});
    run.end("a", JobState::passed,
            {{"s", "$(id) ${{ needs.a.outputs.n }}"},
             {"n", "2.5"},
             {"d", k_digest},
             {"l", "[\"x\",\"y\"]"}});
    REQUIRE(run.state("b") == "ready");
    const model::JobSpec& spec = run.spec("b");
    CHECK(spec.image == "app@" + k_digest);
    CHECK(spec.env.at("S") == "$(id) ${{ needs.a.outputs.n }}");  // a value is never read again
    CHECK(spec.env.at("M") == "fix ${{ needs.a.outputs.n }}: $(id) ${{ needs.a.outputs.n }}");
    CHECK(spec.env.at("L") == "x+y");
    CHECK(spec.env.at("K") == "known");
    CHECK(spec.steps.at(0).run == "first\ntest 2.5");
}

TEST_CASE("the hash of a job is that of what it does, outputs included", "[late]") {
    const std::string jobs =
        "  a: { run: x, outputs: { s: string } }\n"
        "  b: { needs: [a], approval: true, env: { S: \"${{ needs.a.outputs.s }}\" }, run: x }\n";
    const auto hash = [&](const std::string& value) {
        Run run(jobs);
        run.end("a", JobState::passed, {{"s", value}});
        return hash_job(run.spec("b"));
    };
    CHECK(hash("1") == hash("1"));
    CHECK(hash("1") != hash("2"));
    CHECK(hash("1").size() == 64);
}

TEST_CASE("outputs decide late conditions", "[late]") {
    for (const bool clean : {true, false}) {
        Run run(
            "  a: { run: x, outputs: { clean: boolean, n: number } }\n"
            "  b: { needs: [a], if: needs.a.outputs.clean && needs.a.outputs.n > 1, run: x }\n");
        run.end("a", JobState::passed, {{"clean", clean ? "true" : "false"}, {"n", "2"}});
        CHECK(run.state("b") == (clean ? "ready" : "not_selected"));
    }
}

TEST_CASE("who reads a job that was not needed is not needed; results and cells do not count",
          "[late]") {
    Run run(R"yaml(
  a: { run: x, on: [push], if: "branch == 'other'", outputs: { s: string } }
  reads: { needs: [a], run: x, env: { S: "${{ needs.a.outputs.s }}" } }
  farther: { needs: [reads], run: x, env: { S: "${{ needs.a.outputs.s }}" } }
  asks: { needs: [a], run: x, env: { S: "${{ needs.a.result }} ${{ length(needs.a.cells) }}" } }
  optional: { needs: [{ job: a, optional: true }], run: x, env: { S: "${{ needs.a.outputs.s ?? 'none' }}" } }
)yaml");
    CHECK(run.state("reads") == "not_selected");
    CHECK(run.reason("reads") == "`a` was not needed, and this job reads its outputs");
    CHECK(run.state("farther") == "not_selected");
    CHECK(run.state("asks") == "ready");
    CHECK(run.spec("asks").env.at("S") == "not_selected 1");
    CHECK(run.state("optional") == "ready");
    CHECK(run.spec("optional").env.at("S") == "none");
}

TEST_CASE("a job that another event brings reads as not needed", "[late]") {
    Run run(R"yaml(
  a: { run: x, on: [tag], outputs: { s: string } }
  reads: { needs: [a], run: x, env: { S: "${{ needs.a.outputs.s }}" } }
  optional: { needs: [{ job: a, optional: true }], run: x, env: { S: "${{ needs.a.outputs.s ?? needs.a.result ?? 'absent' }}" } }
)yaml");
    CHECK(run.state("reads") == "not_selected");
    CHECK(run.state("optional") == "ready");
    CHECK(run.spec("optional").env.at("S") == "not_selected");
}

TEST_CASE("an output that was not produced blocks its reader, unless the need is optional",
          "[late]") {
    Run run(R"yaml(
  a: { run: x, outputs: { s: string, t: string } }
  reads: { needs: [a], when: always, run: x, env: { S: "${{ needs.a.outputs.s }}" } }
  asks: { needs: [a], when: always, run: x, if: "needs.a.outputs.s == 'x'" }
  other: { needs: [a], when: always, run: x, env: { T: "${{ needs.a.outputs.t }}" } }
  optional: { needs: [{ job: a, optional: true }], when: always, run: x, env: { S: "${{ needs.a.outputs.s ?? 'none' }}" } }
  careless: { needs: [{ job: a, optional: true }], when: always, run: x, env: { S: "${{ needs.a.outputs.s }}" } }
)yaml");
    run.end("a", JobState::failed, {{"t", "it"}});
    CHECK(run.state("reads") == "blocked");
    CHECK(run.reason("reads") == "`a` failed without its output `s`, which this job reads");
    CHECK(run.state("asks") == "blocked");
    CHECK(run.state("other") == "ready");
    CHECK(run.spec("other").env.at("T") == "it");
    CHECK(run.spec("optional").env.at("S") == "none");
    CHECK(run.state("careless") == "failed");
    CHECK(run.reason("careless") == "`env.S` cannot be evaluated: `needs.a.outputs.s` is null");
}

TEST_CASE("a value that does not fit its key fails the job, and says which key", "[late]") {
    Run run(
        "  a: { run: x, outputs: { d: digest } }\n"
        "  b: { needs: [a], image: \"Not Valid/${{ needs.a.outputs.d }}\", run: x }\n"
        "  c: { needs: [a], run: x, env: { V: \"${{ number(to_json(needs.a.outputs.d)) }}\" } }\n");
    run.end("a", JobState::passed, {{"d", k_digest}});
    CHECK(run.state("b") == "failed");
    CHECK(run.reason("b").find("`image` cannot be evaluated: ") == 0);
    CHECK(run.state("c") == "failed");
    CHECK(run.reason("c").find("`env.V` cannot be evaluated: ") == 0);
}

TEST_CASE(
    "what a step reads of other jobs is known before it starts, what it reads of steps is not",
    "[late]") {
    Run run(R"yaml(
  a: { run: x, outputs: { s: string, b: boolean } }
  b:
    needs: [a]
    steps:
      - { id: one, run: x }
      - { run: no, if: needs.a.outputs.b, env: { BAD: "${{ needs.a.outputs.s }}" } }
      - { run: yes, if: "not needs.a.outputs.b && steps.one.outputs.v == 'w'", env: { A: "${{ needs.a.outputs.s }}-${{ steps.one.outputs.v }}", B: "${{ steps.one.outputs.v }}", C: "${{ needs.a.outputs.s }}" } }
)yaml");
    run.end("a", JobState::passed, {{"s", "it's"}, {"b", "false"}});
    REQUIRE(run.state("b") == "ready");
    const auto& steps = run.spec("b").steps;
    CHECK(steps[1].condition == "false");
    CHECK(steps[2].condition == "(steps.one.outputs.v == 'w')");
    CHECK(steps[2].env == std::map<std::string, std::string>{{"C", "it's"}});
    std::map<std::string, StepFacts> facts{{"one", {.outputs = {{"v", "w"}}}}};
    CHECK(evaluate_step_condition(steps[2].condition, facts).value());
    CHECK(evaluate_step_text(steps[2].late_env.at("A"), facts).value() == "it's-w");
    CHECK(evaluate_step_text(steps[2].late_env.at("B"), facts).value() == "w");
    CHECK(step_outputs_read(steps[2].condition, false) ==
          std::set<std::pair<std::string, std::string>>{{"one", "v"}});
    CHECK(step_outputs_read(steps[2].late_env.at("A"), true).size() == 1);
    facts["one"].outputs.clear();
    CHECK_FALSE(evaluate_step_condition(steps[2].condition, facts).value());
    CHECK(evaluate_step_text(steps[2].late_env.at("B"), facts).error().message ==
          "`steps.one.outputs.v` is null");
}

TEST_CASE("cells are needed one by one, by value, or all together", "[late]") {
    Run run(R"yaml(
  build: { matrix: { os: [linux, mac], py: ["1", "2"] }, run: x, outputs: { w: string } }
  test: { matrix: { os: [linux, mac], py: ["1"] }, needs: [{ job: build, matrix: [os, py] }], run: x, env: { W: "${{ needs.build.outputs.w }}" } }
  mac: { needs: [{ job: build, matrix: { os: mac } }], run: x, env: { W: "${{ needs.build.cells[1].outputs.w }} ${{ needs.build.cells[1].matrix.py }} ${{ length(needs.build.cells) }}" } }
  all: { needs: [build], run: x }
)yaml");
    run.end("build (linux, 1)", JobState::passed, {{"w", "l1"}});
    CHECK(run.state("test (linux, 1)") == "ready");
    CHECK(run.spec("test (linux, 1)").env.at("W") == "l1");
    CHECK(run.state("test (mac, 1)") == "waiting");
    run.end("build (mac, 1)", JobState::failed);
    CHECK(run.state("test (mac, 1)") == "blocked");
    CHECK(run.reason("test (mac, 1)") == "`build (mac, 1)` failed");
    run.end("build (mac, 2)", JobState::passed, {{"w", "m2"}});
    CHECK(run.state("mac") == "blocked");
    CHECK(run.state("all") == "waiting");
    run.end("build (linux, 2)", JobState::passed);
    CHECK(run.state("all") == "blocked");

    Run again(R"yaml(
  build: { matrix: { os: [linux, mac] }, run: x, outputs: { w: string } }
  mac: { needs: [{ job: build, matrix: { os: mac } }], run: x, env: { W: "${{ needs.build.outputs.w }}" } }
)yaml");
    again.end("build (mac)", JobState::passed, {{"w", "m"}});
    CHECK(again.state("mac") == "ready");  // whatever the other cell does
    CHECK(again.spec("mac").env.at("W") == "m");
}

TEST_CASE("jobs of a fragment read each other, and their steps, by the names they have there",
          "[late]") {
    Run run(
        "  caller: { uses: ./.ci/lib/f.yml }\n"
        "  asks: { needs: [caller], when: always, run: x, env: { R: \"${{ needs.caller.result }}\" "
        "} "
        "}\n",
        {{".ci/lib/f.yml", R"yaml(
version: 1
jobs:
  a: { run: x, outputs: { s: string } }
  b:
    needs: [a]
    env: { S: "${{ needs.a.outputs.s }}" }
    steps: [{ id: one, run: x }, { run: y, env: { V: "${{ steps.one.outputs.v }}" } }]
)yaml"}});
    CHECK(run.planned("caller/b").reads == std::vector<std::string>{"caller/a"});
    run.end("caller/a", JobState::passed, {{"s", "it"}});
    REQUIRE(run.state("caller/b") == "ready");
    CHECK(run.spec("caller/b").env.at("S") == "it");
    CHECK(run.spec("caller/b").steps[1].late_env.at("V") == "${{ steps.one.outputs.v }}");
    run.end("caller/b", JobState::failed);
    CHECK(run.spec("asks").env.at("R") == "failed");

    Run steps("  a: { steps: [{ uses: ./.ci/lib/s.yml }] }\n", {{".ci/lib/s.yml", R"yaml(
version: 1
steps:
  - { id: one, run: x }
  - { run: y, if: steps.one.outputs.v == 'w', env: { V: "<${{ steps.one.outputs.v }}>" } }
)yaml"}});
    const auto& spec = steps.spec("a");
    const std::map<std::string, StepFacts> facts{{spec.steps[0].id, {.outputs = {{"v", "w"}}}}};
    CHECK(evaluate_step_condition(spec.steps[1].condition, facts).value());
    CHECK(evaluate_step_text(spec.steps[1].late_env.at("V"), facts).value() == "<w>");
}

TEST_CASE("params of a fragment carry what the caller reads of others", "[late]") {
    Run run(R"yaml(
  a: { run: x, outputs: { s: string, n: number, b: boolean } }
  caller:
    uses: ./.ci/lib/f.yml
    needs: [a]
    with: { text: "<${{ needs.a.outputs.s }}>", number: "${{ needs.a.outputs.n }}", flag: "${{ needs.a.outputs.b }}" }
  steps:
    needs: [a]
    steps: [{ uses: ./.ci/lib/s.yml, with: { text: "${{ needs.a.outputs.s }} ${{ commit.message }}" }, if: needs.a.outputs.b }]
)yaml",
            {{".ci/lib/f.yml", R"yaml(
version: 1
params: { text: { type: string, default: x }, number: { type: number, default: 1 }, flag: { type: boolean, default: false } }
jobs:
  first: { run: "test ${{ params.number }} -gt 1", env: { T: "${{ params.text }}" } }
  second: { run: x, if: params.flag && params.number > 2 }
)yaml"},
             {".ci/lib/s.yml", R"yaml(
version: 1
params: { text: { type: string, default: x } }
steps: [{ run: y, env: { V: "${{ upper(params.text) }}" } }]
)yaml"}});
    run.end("a", JobState::passed, {{"s", "it ${{ x }}"}, {"n", "2"}, {"b", "true"}});
    REQUIRE(run.state("caller/first") == "ready");
    CHECK(run.spec("caller/first").env.at("T") == "<it ${{ x }}>");
    CHECK(run.spec("caller/first").steps[0].run == "test 2 -gt 1");
    CHECK(run.state("caller/second") == "not_selected");
    CHECK(run.planned("caller/first").reads == std::vector<std::string>{"a"});
    CHECK(run.spec("steps").steps[0].env.at("V") == "IT ${{ X }} FIX ${{ NEEDS.A.OUTPUTS.N }}");
    CHECK(run.spec("steps").steps[0].condition.empty());
}

TEST_CASE("no output gets into a script by a param that is a number or boolean", "[late]") {
    for (const char* type : {"number", "boolean"}) {
        Run run(
            "  a: { run: x, outputs: { s: string } }\n"
            "  c: { uses: ./.ci/lib/f.yml, needs: [a], with: { p: \"${{ needs.a.outputs.s }}\" } "
            "}\n",
            {{".ci/lib/f.yml",
              fmt::format("version: 1\nparams: {{ p: {{ type: {} }} }}\njobs: {{ b: {{ run: "
                          "'echo ${{{{ params.p }}}}' }} }}\n",
                          type)}});
        SECTION(type + std::string(" that is one")) {
            const bool is_number = type == std::string("number");
            run.end("a", JobState::passed, {{"s", is_number ? "1.50" : "true"}});
            CHECK(run.spec("c/b").steps[0].run == (is_number ? "echo 1.5" : "echo true"));
        }
        for (const char* bad : {"$(id)", "\"$(id)\"", "1; id"})
            SECTION(type + std::string(" given ") + bad) {
                run.end("a", JobState::passed, {{"s", bad}});
                if (run.state("c/b") == "ready") {
                    CHECK(run.spec("c/b").steps[0].run == "echo false");
                } else {
                    CHECK(run.state("c/b") == "failed");
                }
            }
    }
}

TEST_CASE("a param that decides where a job runs cannot come later", "[late]") {
    Input input;
    input.event.kind = model::EventKind::push;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    const std::string head =
        "version: 1\non: { push: {} }\njobs:\n  a: { run: x, outputs: { s: string } }\n";
    const auto message = [&](const std::string& with) {
        input.files = {{".ci.yml", head + "  c: { uses: ./.ci/lib/f.yml, needs: [a], with: { " +
                                       with + ": \"${{ needs.a.outputs.s }}\" } }\n"}};
        const Outcome outcome = make_plan(input);
        std::string out;
        for (const auto& d : outcome.diagnostics) out += d.message + "\n";
        return out;
    };
    input.fragments = {{".ci/lib/f.yml", R"yaml(
version: 1
params: { mode: { type: choice, options: [x, y], default: x }, label: { type: string, default: z } }
jobs: { b: { run: "echo ${{ params.mode }}", runs_on: "${{ slug(params.label) }}" } }
)yaml"}};
    CHECK(message("mode").empty());
    CHECK(message("label") ==
          "`c/b` for a push event: this is needed before any job has run, and a param in it reads "
          "`needs`\n");
}

TEST_CASE("a value that comes late is checked against its param", "[late]") {
    Input input;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", R"yaml(
version: 1
on: { push: {} }
jobs:
  a: { run: x, outputs: { s: string, n: number } }
  c:
    needs: [a]
    uses: ./.ci/lib/f.yml
    with: { mode: "${{ needs.a.outputs.s }}", level: "${{ needs.a.outputs.n }}", tag: "v${{ needs.a.outputs.s }}" }
)yaml"}};
    input.fragments = {{".ci/lib/f.yml", R"yaml(
version: 1
params:
  mode: { type: choice, options: [fast, slow] }
  level: { type: number, min: 1, max: 3 }
  tag: { type: string, pattern: "v*s*" }
steps: ["make ${{ params.mode }} ${{ params.level }}", { run: publish, env: { TAG: "${{ params.tag }}" } }]
)yaml"}};
    const Outcome outcome = make_plan(input);
    for (const auto& d : outcome.diagnostics) UNSCOPED_INFO(config::format(d));
    REQUIRE(outcome.plan.has_value());
    const PlannedJob& job = outcome.plan->jobs[1];
    CHECK(planned_job_from_json(to_json(job)).value() == job);
    const auto told = [&](const std::string& s, const std::string& n) {
        const PlannedJob& giver = outcome.plan->jobs[0];
        const Outputs outputs{{"s", s}, {"n", n}};
        const CellFacts cell{&giver.spec, JobState::passed, &outputs};
        const auto spec = complete(
            job, expr::Value::object({{"a", need_value(JobState::passed, std::span(&cell, 1))}}));
        return spec ? spec->steps[0].run + "; " + spec->steps[1].env.at("TAG")
                    : spec.error().message;
    };
    CHECK(told("fast", "2") == "make fast 2; vfast");
    CHECK(told("fats", "2") ==
          "param `mode` is one of fast, slow, got `fats`, did you mean `fast`?");
    CHECK(told("x; rm -rf /", "2") == "param `mode` is one of fast, slow, got `x; rm -rf /`");
    CHECK(told("slow", "4") == "param `level` is at most 3, got `4`");
}

TEST_CASE("max_parallel lets that many cells be held, ready or running at a time", "[late]") {
    Run run("  a: { matrix: { v: [1, 2, 3, 4], max_parallel: 2 }, run: x }\n  b: { run: x }\n");
    CHECK(run.state("a (1)") == "ready");
    CHECK(run.state("a (2)") == "ready");
    CHECK(run.state("a (3)") == "waiting");
    CHECK(run.state("b") == "ready");
    run.end("a (1)", JobState::running);
    CHECK(run.state("a (3)") == "waiting");
    run.end("a (2)", JobState::failed);
    CHECK(run.state("a (3)") == "ready");
    CHECK(run.state("a (4)") == "waiting");
    run.end("a (3)", JobState::passed);
    CHECK(run.state("a (4)") == "ready");
}

TEST_CASE("fail_fast names the other cells after a failure that is not allowed", "[late]") {
    Run run("  a: { matrix: { v: [1, 2, 3], fail_fast: true }, run: x }\n  b: { run: x }\n");
    CHECK(run.fail_fast().empty());
    run.end("a (1)", JobState::warned);
    CHECK(run.fail_fast().empty());
    run.end("a (2)", JobState::failed);
    const auto victims = run.fail_fast();
    REQUIRE(victims.size() == 1);
    CHECK(victims[0].reason == "`a (2)` failed, and `fail_fast` ends the other cells");
    run.end("a (3)", JobState::cancelled);
    CHECK(run.fail_fast().empty());
}

TEST_CASE("a planned job with late texts goes through JSON unchanged", "[late]") {
    Run run(R"yaml(
  a: { matrix: { v: [1, 2], fail_fast: true, max_parallel: 1 }, run: x, outputs: { s: string } }
  b: { needs: [{ job: a, matrix: { v: 1 } }], image: "${{ needs.a.result }}", env: { S: "${{ needs.a.outputs.s }}" }, run: x }
)yaml");
    for (const char* id : {"a (1)", "b"}) {
        const auto back = planned_job_from_json(to_json(run.planned(id)));
        REQUIRE(back.has_value());
        CHECK(*back == run.planned(id));
    }
}

TEST_CASE("outputs are asked for once per job that is read, and only by who is decided", "[late]") {
    std::string jobs = "  a: { run: x, outputs: { s: string } }\n  z: { run: x }\n";
    for (int i = 0; i < 50; ++i)
        jobs += fmt::format(
            "  b{}: {{ needs: [a], run: x, env: {{ S: \"${{{{ needs.a.outputs.s }}}}\" }} }}\n", i);
    Run run(jobs);
    run.end("z", JobState::passed);
    CHECK(run.asked == 0);
    run.end("a", JobState::passed, {{"s", "1"}});
    CHECK(run.asked == 1);
    CHECK(run.spec("b49").env.at("S") == "1");
}

TEST_CASE("advancing costs by the jobs, not by their pairs, also cell by cell", "[late]") {
    // 4 matrices of 256 cells, each cell needing the cell with its values and reading its output.
    std::string values;
    for (int i = 0; i < 256; ++i) values += fmt::format("{}v{}", i == 0 ? "" : ", ", i);
    std::string jobs = fmt::format("  m0: {{ matrix: {{ v: [{}] }}, run: x }}\n", values);
    for (int i = 1; i < 4; ++i)
        jobs += fmt::format(
            "  m{}: {{ matrix: {{ v: [{}] }}, needs: [{{ job: m{}, matrix: [v] }}], run: x }}\n", i,
            values, i - 1);
    Run run(jobs);
    CHECK(run.state("m0 (v255)") == "ready");
    const auto begin = sluice::testing::cpu_time();
    for (int i = 0; i < 20; ++i) run.end(fmt::format("m0 (v{})", i), JobState::passed);
    const auto took = sluice::testing::cpu_time() - begin;
    CHECK(run.state("m1 (v19)") == "ready");
    CHECK(run.state("m1 (v20)") == "waiting");
    // Every cell looked through for every need would be 20 x 768 x 256 looks and more.
    CHECK(took < std::chrono::seconds(60));
}
