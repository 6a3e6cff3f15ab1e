#include "pipelines/plan/condition.hpp"
#include "pipelines/plan/hash.hpp"
#include "pipelines/plan/late.hpp"
#include "pipelines/plan/plan.hpp"
#include "tests/cpu_time.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

using namespace sluice;
using namespace sluice::plan;

namespace {

const std::string k_head = "version: 1\non: { push: {}, pull_request: {}, manual: {} }\n";

Input push(std::string text) {
    Input input;
    input.event.kind = model::EventKind::push;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", std::move(text)}};
    return input;
}

Plan planned(const std::string& text) {
    const Outcome outcome = make_plan(push(text));
    for (const auto& d : outcome.diagnostics) UNSCOPED_INFO(config::format(d));
    REQUIRE(outcome.plan.has_value());
    return *outcome.plan;
}

std::set<std::string> faults(const std::string& text) {
    const Outcome outcome = make_plan(push(text));
    CHECK_FALSE(outcome.plan.has_value());
    std::set<std::string> ids;
    for (const auto& d : outcome.diagnostics) ids.insert(d.id);
    return ids;
}

std::string many(int count, const std::string& format) {
    std::string out;
    for (int i = 0; i < count; ++i) out += fmt::format(fmt::runtime(format), i);
    return out;
}

}  // namespace

TEST_CASE("files planned for one event after the other give what each event alone gives",
          "[plan]") {
    using model::EventKind;
    const std::string on =
        "version: 1\non: { push: {}, tag: {}, pull_request: {}, manual: {}, "
        "schedule: [{ cron: '0 5 * * *', name: nightly }] }\n";
    const std::vector<std::string> files{
        on + "jobs: { a: { run: x }, b: { needs: [a], on: [push, manual], run: y } }\n",
        k_head +
            "params: { n: { type: int, default: 3, max: 5 } }\njobs: { a: { matrix: { v: [1, "
            "2] }, if: '${{ event == \"push\" }}', run: 'echo ${{ params.n }}' } }\n",
        on + "concurrency: { group: 'g-${{ branch }}' }\njobs: { a: { run: x, when: never } }\n",
        on + "jobs: { a: { needs: [b], run: x } }\n",
        k_head + "jobs: { a: { run: '${{ 1 / 0 }}' } }\n",
        k_head + "jobs: { a: { run: x, ruin: y } }\n",
        "version: 1\njobs: [\n",
        "",
    };
    for (const auto& text : files) {
        CAPTURE(text);
        EventPlans plans(push(text));
        for (const EventKind kind :
             {EventKind::push, EventKind::manual, EventKind::tag, EventKind::pull_request,
              EventKind::push, EventKind::schedule, EventKind::merge_queue, EventKind::manual}) {
            CAPTURE(to_text(kind));
            Input alone = push(text);
            alone.event.kind = kind;
            if (kind == EventKind::tag) alone.event.tag = "v1";
            if (kind == EventKind::manual) alone.event.params["n"] = "9";  // too large
            if (kind == EventKind::pull_request) alone.event.pull_request.emplace();
            const Outcome want = make_plan(alone), got = plans.plan(alone.event);
            CHECK(got.diagnostics == want.diagnostics);
            CHECK(got.triggered == want.triggered);
            CHECK(got.param_complaints == want.param_complaints);
            CHECK(got.schedules.has_value() == want.schedules.has_value());
            CHECK(got.params.size() == want.params.size());
            REQUIRE(got.plan.has_value() == want.plan.has_value());
            if (want.plan) CHECK(got.plan->hash == want.plan->hash);
            if (want.plan) CHECK(got.plan->jobs == want.plan->jobs);
        }
    }
}

TEST_CASE("equal plans have equal hashes, and the hash does not change between versions",
          "[plan]") {
    const std::string text = k_head + "jobs: { a: { run: x }, b: { needs: [a], run: y } }\n";
    const Plan one = planned(text), two = planned(text);
    CHECK(one.hash == two.hash);
    CHECK(one.hash.size() == 64);
    CHECK(planned(k_head + "jobs: { a: { run: x }, b: { needs: [a], run: z } }\n").hash !=
          one.hash);
    // Pinned: an approval is bound to it, so a change of the form must be meant.
    CHECK(hash_job(one.jobs[0].spec) ==
          "732d9f8be3844556fe2926b7779b434466b8968db30a1d0ddcada4fcb6af789a");
    CHECK(digest256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digest256("sluice") != digest256("sluicf"));
}

TEST_CASE("a planned job goes through JSON unchanged", "[plan]") {
    const Plan plan = planned(k_head +
                              "jobs:\n  a: { run: x, matrix: { v: [1, 2] } }\n"
                              "  b: { needs: [{ job: a, optional: true }], when: always, if: "
                              "needs.a.result == 'failed', steps: [x, { run: y, if: trusted }] }\n"
                              "  c: { if: event == 'manual', run: z }\n");
    for (const PlannedJob& job : plan.jobs)
        CHECK(planned_job_from_json(json::parse(json::serialize(to_json(job))).value()).value() ==
              job);
    PlannedJob odd;
    odd.spec.id = odd.spec.base = "x";
    odd.reads = {"a"};
    CHECK(planned_job_from_json(to_json(odd)).value() == odd);
    CHECK(planned_job_from_json(json::parse(R"({"spec":{"id":"a","base":"a"},"x":1})").value())
              .error()
              .id == "unknown_field");
    CHECK(planned_job_from_json(json::parse(R"({"needs":[]})").value(), "/jobs/3").error().where ==
          "/jobs/3/spec");
}

TEST_CASE("hostile configurations end in a diagnostic, soon", "[plan]") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"config_too_large", "#" + std::string(300'000, 'x')},
        {"too_many_keys", k_head + "jobs: {" + many(20'000, " k{}: 1,") + "}\n"},
        {"too_many_nodes", k_head + "env: { A: [" + many(11'000, "x,") + "] }\n"},
        {"too_many_jobs",
         k_head + "jobs: {" +
             many(16,
                  "a{0}: {{ run: x, matrix: {{ a: [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15], b: "
                  "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15] }} }},") +
             "}\n"},
        {"plan_too_large", k_head + "defaults: { env: {" + many(1'500, " K{}: x,") +
                               "} }\njobs: {" + many(700, " a{}: {{ run: x }},") + "}\n"},
        {"plan_too_large", k_head + "env: { BIG: " + std::string(30'000, 'x') + " }\njobs: {" +
                               many(700, " a{}: {{ run: x }},") + "}\n"},
    };
    for (const auto& [id, text] : cases) {
        const auto begin = sluice::testing::cpu_time();
        CAPTURE(id);
        CHECK(faults(text).contains(id));
        CHECK(sluice::testing::cpu_time() - begin < std::chrono::seconds(10));
    }
}

TEST_CASE("the configurations of this repository plan without a word", "[plan]") {
    namespace fs = std::filesystem;
    std::vector<fs::path> files{fs::path(SLUICE_SOURCE_DIR) / ".ci.yml"};
    for (const auto& entry : fs::directory_iterator(fs::path(SLUICE_SOURCE_DIR) / "examples"))
        if (fs::exists(entry.path() / ".ci.yml")) files.push_back(entry.path() / ".ci.yml");
    auto read = [](const fs::path& path) {
        std::ifstream in(path);
        return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    for (const fs::path& path : files) {
        auto input = push(read(path));
        std::vector<fs::path> more;
        if (fs::is_directory(path.parent_path() / ".ci"))
            for (const auto& entry : fs::directory_iterator(path.parent_path() / ".ci"))
                if (entry.path().extension() == ".yml") more.push_back(entry.path());
        std::sort(more.begin(), more.end());
        for (const auto& part : more)
            input.files.push_back({".ci/" + part.filename().string(), read(part)});
        input.fragments = collect_fragments(
            input.files, [&](const std::string& name) -> std::optional<SourceFile> {
                if (!fs::exists(path.parent_path() / name)) return std::nullopt;
                return SourceFile{name, read(path.parent_path() / name)};
            });
        const Outcome outcome = make_plan(input);
        CAPTURE(path.string());
        for (const auto& d : outcome.diagnostics) CHECK(config::format(d) == "");
        CHECK(outcome.triggered);
    }
}

TEST_CASE("a chain of extends is bounded", "[plan]") {
    std::string text = k_head + "jobs:\n  a: { extends: .c0 }\n";
    for (int i = 0; i < 50; ++i) text += fmt::format("  .c{}: {{ extends: .c{} }}\n", i, i + 1);
    text += "  .c50: { run: x }\n";
    CHECK(faults(text).contains("too_deep"));
}

TEST_CASE("the longest chain that a file holds plans in order", "[plan]") {
    // The longest file that fits: short ids, each needing the one that stands after it.
    std::string text = k_head + "jobs:\n";
    for (int i = 0; i < 1'200; ++i)
        text += fmt::format("  j{}: {{ needs: [j{}], run: x }}\n", i, i + 1);
    text += "  j1200: { run: x }\n";
    const Plan plan = planned(text);
    REQUIRE(plan.jobs.size() == 1'201);
    CHECK(plan.jobs.front().spec.id == "j1200");
    CHECK(plan.jobs.back().spec.id == "j0");
}

TEST_CASE("what expressions put in is bounded too", "[plan]") {
    Input input = push(k_head + "jobs: { a: { run: x, env: {" +
                       many(60, " E{}: \"${{{{ commit.message }}}}\",") + "} } }\n");
    input.event.message = std::string(30'000, 'm');
    const Outcome large = make_plan(input);
    REQUIRE_FALSE(large.diagnostics.empty());
    CHECK(large.diagnostics[0].id == "job_too_large");

    input.files[0].text = k_head +
                          "jobs:\n  a: { run: x }\n  b: { needs: [a], run: y, if: \"needs.a.result "
                          "== replace(commit.message, 'm', 'mm')\" }\n";
    CHECK_THAT(make_plan(input).diagnostics.at(0).message, Catch::Contains("grows over"));

    std::string lines;
    for (int i = 0; i < 2'000; ++i) lines += "\"" + std::string(50, 'x') + "\", ";
    CHECK(faults(k_head + "jobs: { a: { run: [" + lines + "] } }\n").contains("too_long"));
}

TEST_CASE("gates are read alone: a broken job does not open the branch", "[plan]") {
    const auto gates = read_gates(
        {{".ci.yml", "gate: { branches: [main], require: [test] }\njobs: { a: { stpes: 1 } }\n"}});
    REQUIRE(gates.has_value());
    CHECK(*gates == std::vector<GateSpec>{{{"main"}, {"test"}}});
    CHECK(read_gates({})->empty());
    CHECK(read_gates({{".ci.yml", "version: 1\n"}})->empty());
    CHECK(read_gates({{".ci/x.yml", "gate: { require: [a] }\n"}})->empty());
    CHECK_FALSE(read_gates({{".ci.yml", "gate: { reqire: [a] }\n"}}));
    CHECK_FALSE(read_gates({{".ci.yml", "gate: [\n"}}));
    CHECK_FALSE(read_gates({{".ci.yml", "gate: { branches: [\"${{ branch }}\"] }\n"}}));
    CHECK(read_gates({{".ci.yml", "gate: [{ branches: [a] }, { require: [b] }]\n"}})->size() == 2);
}

TEST_CASE("skip ci is for pushes alone", "[plan]") {
    model::Event event{.kind = model::EventKind::push, .message = "docs [skip ci]"};
    CHECK(is_skipped(event));
    event.message = "[ci skip] x";
    CHECK(is_skipped(event));
    event.message = "skip ci";
    CHECK_FALSE(is_skipped(event));
    event.options = {"ci.skip"};
    CHECK(is_skipped(event));
    event.kind = model::EventKind::pull_request;
    CHECK_FALSE(is_skipped(event));
}

TEST_CASE("an event that no file wants gives no run, and mistakes are told anyway", "[plan]") {
    Input input = push("version: 1\non: { tag: [\"v*\"] }\njobs: { a: { run: x } }\n");
    CHECK_FALSE(make_plan(input).triggered);
    CHECK(make_plan(input).diagnostics.empty());
    input.files[0].text = "version: 1\non: { tag: [\"v*\"] }\njobs: { a: { rnu: x } }\n";
    const Outcome wrong = make_plan(input);
    CHECK_FALSE(wrong.triggered);
    CHECK(config::has_errors(wrong.diagnostics));
    input.files[0].text = "on: [";  // what it wants cannot be known
    CHECK(make_plan(input).triggered);
}

TEST_CASE("step conditions are decided by the runner from the steps that ended", "[plan]") {
    const std::map<std::string, StepFacts> facts{
        {"one", {model::StepState::failed, model::StepState::warned}}};
    CHECK(evaluate_step_condition("", {}).value());
    CHECK_FALSE(evaluate_step_condition("false", {}).value());
    CHECK(evaluate_step_condition("(steps.one.outcome == 'failed')", facts).value());
    CHECK(evaluate_step_condition(
              "steps.one.result == 'warned' && not (steps.one.result == 'failed')", facts)
              .value());
    CHECK_FALSE(evaluate_step_condition("steps.gone.result == 'passed'", facts).value());
    CHECK(evaluate_step_condition("steps.one", facts).error().id == "bad_expression");
    CHECK(evaluate_step_condition("(", facts).error().id == "bad_expression");
}

TEST_CASE("a deep condition survives being decided in parts", "[plan]") {
    std::string inner = "needs.a.result == 'failed'";
    for (int i = 0; i < 13; ++i) inner = "not (" + inner + " && trusted)";
    const Plan plan =
        planned(k_head + "jobs:\n  a: { run: x }\n  b: { needs: [a], when: always, run: y, if: \"" +
                inner + "\" }\n");
    const auto value =
        evaluate_late_if(plan.jobs[1].late_if,
                         expr::Value::object({{"a", need_value(model::JobState::failed, {})}}));
    REQUIRE(value.has_value());
    CHECK_FALSE(*value);  // an odd number of negations
}

TEST_CASE("random graphs plan to unique ids in an order that respects needs, whatever the seed",
          "[plan][property]") {
    for (unsigned seed = 0; seed < 60; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](int below) {
            return static_cast<int>(random() % static_cast<unsigned>(below));
        };
        const int count = 1 + pick(25);
        std::vector<int> shuffled(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) shuffled[static_cast<std::size_t>(i)] = i;
        std::shuffle(shuffled.begin(), shuffled.end(), random);
        std::string text = k_head + "jobs:\n";
        for (const int i : shuffled) {
            text += fmt::format("  j{}: {{ run: x", i);
            std::string needs;
            for (int n = 0; n < i; ++n)
                if (pick(4) == 0) needs += fmt::format("j{}, ", n);
            if (!needs.empty()) text += ", needs: [" + needs + "]";
            if (pick(3) == 0) text += ", matrix: { v: [1, 2, 3] }";
            text += " }\n";
        }
        CAPTURE(seed, text);
        const Plan plan = planned(text);
        std::set<std::string> ids, done;
        std::string last_base;
        for (const PlannedJob& job : plan.jobs) {
            CHECK(ids.insert(job.spec.id).second);
            if (job.spec.base != last_base)
                CHECK(done.insert(job.spec.base).second);  // cells are adjacent
            last_base = job.spec.base;
            for (const Need& need : job.needs)
                CHECK((done.contains(need.job) && need.job != job.spec.base));
        }
        CHECK(planned(text).hash == plan.hash);
    }
}

TEST_CASE("who reads the job before it costs a chain no more than who does not", "[plan]") {
    const auto time_of = [](const std::string& more) {
        std::string text = k_head + "jobs:\n  j0: { run: x }\n";
        for (int i = 1; i < 1000; ++i)
            text += fmt::format("  j{}: {{ needs: [j{}], run: x{} }}\n", i, i - 1,
                                fmt::format(fmt::runtime(more), i - 1));
        const auto begin = sluice::testing::cpu_time();
        CHECK(planned(text).jobs.size() == 1000);
        return sluice::testing::cpu_time() - begin;
    };
    const auto plain = time_of(", when: always");
    const auto reading = time_of(", if: \"needs.j{}.result == 'passed'\"");
    CAPTURE(plain.count(), reading.count());
    // Each looked at all that stand before it: 3 seconds.
    CHECK(reading < 4 * plain + std::chrono::milliseconds(500));
}
