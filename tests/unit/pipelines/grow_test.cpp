#include "pipelines/plan/grow.hpp"
#include "pipelines/plan/advance.hpp"
#include "pipelines/plan/groups.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <random>
#include <set>

using namespace sluice;
using namespace sluice::plan;

namespace {

using Strings = std::vector<std::string>;

/// A run planned from a file, in which a job has ended.
struct Run {
    explicit Run(const std::string& text, std::vector<SourceFile> fragments = {}) {
        input.event.branch = "main";
        input.event.sha = std::string(40, 'a');
        input.files = {{".ci.yml", "version: 1\non: { push: {} }\njobs:\n" + text}};
        input.fragments = std::move(fragments);
        const Outcome outcome = make_plan(input);
        for (const auto& d : outcome.diagnostics) UNSCOPED_INFO(config::format(d));
        REQUIRE(outcome.plan.has_value());
        CHECK(may_grow(*outcome.plan));
        jobs = outcome.plan->jobs;
    }

    Growth grow(const std::string& generator, const std::string& jobs_text) const {
        return plan::grow({input, jobs, generator, "version: 1\njobs:\n" + jobs_text});
    }
    /// `id needs…`, one for each job.
    Strings grown(const std::string& generator, const std::string& text) const {
        const Growth growth = grow(generator, text);
        for (const auto& d : growth.diagnostics) UNSCOPED_INFO(config::format(d));
        CHECK_FALSE(config::has_errors(growth.diagnostics));
        Strings out;
        for (const PlannedJob& job : growth.jobs) {
            out.push_back(job.spec.id);
            for (const Need& need : job.needs) out.back() += " " + need.job;
        }
        return out;
    }
    std::string faults(const std::string& generator, const std::string& text) const {
        const Growth growth = grow(generator, text);
        CHECK(growth.jobs.empty());
        std::string out;
        for (const auto& d : growth.diagnostics) out += config::format(d) + "\n";
        return out;
    }

    Input input;
    std::vector<PlannedJob> jobs;
};

}  // namespace

TEST_CASE("generated jobs need their generator and may need what it waited for", "[grow]") {
    const Run run(
        "  a: { run: x }\n  b: { needs: [a], run: x }\n"
        "  gen: { needs: [b], run: x, generate: out/jobs.yml }\n  other: { run: x }\n");
    CHECK(run.grown("gen",
                    "  two: { needs: [one, a], run: y }\n"
                    "  one: { matrix: { v: [1, 2] }, run: \"y ${{ matrix.v }}\" }\n") ==
          Strings{"gen/one (1) gen", "gen/one (2) gen", "gen/two gen gen/one a"});
    CHECK(run.grown("gen", "  {}\n").empty());
    const std::string text = run.faults("gen", "  one: { needs: [other], run: y }\n");
    CHECK(text ==
          "out/jobs.yml:3:18: error: `gen/one` needs `other`, which exists in no file hint: other "
          "generated jobs, and what the generating job needs\n");
    const auto growth = run.grow("gen",
                                 "  one: { needs: [b], if: \"needs.b.result == 'passed' && "
                                 "needs.gen.result == 'passed'\", run: y }\n");
    REQUIRE(growth.jobs.size() == 1);
    CHECK(growth.jobs[0].late_if ==
          "((needs['b'].result == 'passed') && (needs['gen'].result == 'passed'))");
}

TEST_CASE("a generator inside a fragment names its neighbours as its fragment does", "[grow]") {
    const Run run("  outer: { run: x }\n  call: { needs: [outer], uses: ./f.yml }\n",
                  {{"f.yml",
                    "version: 1\njobs:\n  make: { run: x }\n"
                    "  gen: { needs: [make], run: x, generate: jobs.yml }\n"}});
    CHECK(run.grown("call/gen", "  one: { needs: [make], run: y }\n") ==
          Strings{"call/gen/one call/gen call/make"});
    CHECK(run.faults("call/gen", "  one: { needs: [outer], run: y }\n").find("exists in no file") !=
          std::string::npos);
}

TEST_CASE("generated jobs may need one expansion of a caller", "[grow]") {
    const Run run(
        "  call: { matrix: { py: ['3.11', '3.12'] }, uses: ./f.yml, with: { py: \"${{ matrix.py "
        "}}\" } }\n  gen: { needs: [call], run: x, generate: jobs.yml }\n",
        {{"f.yml",
          "version: 1\nparams: { py: { type: string } }\n"
          "outputs: { tag: string, out: { type: dir } }\njobs:\n  build: { run: x }\n"
          "  sum: { needs: [build], outputs: { tag: string, out: { path: o, type: dir } }, run: x "
          "}\n"}});
    const auto one = [](const std::string& py, const std::string& more = "") {
        return fmt::format("  one: {{ needs: [{{ job: call, matrix: {{ {} }} }}], run: y{} }}\n",
                           py, more);
    };
    const Growth growth =
        run.grow("gen", one("py: '3.12'", ", env: { T: \"${{ needs.call.outputs.tag }}\" }"));
    for (const auto& d : growth.diagnostics) UNSCOPED_INFO(config::format(d));
    REQUIRE(growth.jobs.size() == 1);
    CHECK(growth.jobs[0].needs ==
          std::vector<Need>{{"gen", false}, {"call", false, {{"py", "3.12"}}}});
    // The value is that of the expansion.
    std::vector<JobNow> now;
    for (const PlannedJob& job : run.jobs) now.push_back({&job, model::JobState::passed});
    now.push_back({&growth.jobs[0]});
    const auto next = advance(now, run.input.event, false, [&](std::size_t job) {
        return run.jobs[job].spec.base == "call/sum"
                   ? Outputs{{"tag", "of " + run.jobs[job].spec.matrix.at("py")}}
                   : Outputs{};
    });
    REQUIRE(next.size() == 1);
    REQUIRE(next[0].spec.has_value());
    CHECK(next[0].spec->env.at("T") == "of 3.12");
    CHECK(run.faults("gen", one("py: '2.7'")).find("and there is none") != std::string::npos);
    CHECK(run.faults("gen", one("os: mac")).find("`call` has no axis `os`") != std::string::npos);
    CHECK(run.faults("gen", one("py: '3.12'", ", inputs: { x: call.out }"))
              .find("declares no output `out`") != std::string::npos);
}

TEST_CASE("generated jobs may call fragments of the commit", "[grow]") {
    Run run("  gen: { run: x, generate: jobs.yml }\n");
    run.input.fragments = {
        {"lib.yml", "version: 1\nparams: { n: 1 }\nsteps: [\"x ${{ params.n }}\"]\n"},
        {"more.yml", "version: 1\njobs: { a: { run: x } }\n"}};
    const auto growth = run.grow("gen",
                                 "  one: { uses: ./lib.yml, with: { n: 2 } }\n"
                                 "  two: { needs: [one], uses: ./more.yml }\n");
    REQUIRE(growth.jobs.size() == 2);
    CHECK(growth.jobs[0].spec.steps[0].run == "x 2");
    CHECK(growth.jobs[1].spec.id == "gen/two/a");
    CHECK(growth.jobs[1].needs == std::vector<Need>{{"gen", false}, {"gen/one", false}});
}

TEST_CASE("what generated jobs may not do is a mistake with its place", "[grow]") {
    const Run run("  gen: { run: x, generate: out/jobs.yml }\n");
    const std::string commit(40, 'b');
    CHECK(run.faults("gen", "  a: { run: x, generate: more.yml }\n") ==
          "out/jobs.yml:3:16: error: a generated job cannot generate further jobs hint: write all "
          "jobs at once\n");
    CHECK(run.faults("gen", "  a: { uses: \"git+https://git.example/x//y.yml@" + commit + "\" }\n")
              .starts_with("out/jobs.yml:3:14: error: a generated job cannot use `git+https://"));
    CHECK(run.faults("gen", "  a: { run: x, secrets: { KEY: deploy/key } }\n")
              .starts_with("out/jobs.yml:3:32: error: `deploy/key` is not among the secrets of the "
                           "caller `gen` hint: add it there"));
    CHECK(run.faults("gen", "  a: { run: x, environment: production }\n")
              .starts_with("out/jobs.yml:3:16: error: environment `production` is not that of the "
                           "generating job `gen`"));
    const auto text = [&](const std::string& whole) {
        std::string out;
        for (const auto& d : plan::grow({run.input, run.jobs, "gen", whole}).diagnostics)
            out += config::format(d) + "\n";
        return out;
    };
    CHECK(text("version: 1\nsteps: [x]\n").find("`steps` cannot stand in a generated fragment") !=
          std::string::npos);
    CHECK(text("version: 1\nparams: { a: 1 }\njobs: {}\n")
              .starts_with("out/jobs.yml:2:1: error: `params` cannot stand in a generated"));
    CHECK(text("").starts_with("out/jobs.yml: error: the file is empty"));
    CHECK(text("jobs: [").starts_with("out/jobs.yml:1:"));
}

TEST_CASE("a run has at most 4,000 jobs, however they came", "[grow]") {
    Run run("  gen: { run: x, generate: out/jobs.yml }\n");
    PlannedJob other;
    other.spec.id = other.spec.base = "x";
    run.jobs.resize(3'998, other);
    CHECK(run.grown("gen", "  a: { run: x }\n  b: { run: x }\n").size() == 2);
    CHECK(run.faults("gen", "  a: { run: x }\n  b: { run: x }\n  c: { run: x }\n")
              .find("4001 jobs (matrix cells and shards counted), at most 4000") !=
          std::string::npos);
}

TEST_CASE("the failure of a generator tells its mistakes", "[grow]") {
    const Run run("  gen: { run: x, generate: out/jobs.yml }\n");
    const Growth growth = run.grow("gen", "  a: { run: x, rn: x }\n  b: { run: x, needs: [c] }\n");
    CHECK(describe_failure(run.jobs[0], growth.diagnostics)
              .starts_with("the generated out/jobs.yml has 2 mistakes\nout/jobs.yml:3:16: error: "
                           "unknown key `rn`"));
}

TEST_CASE("whatever is generated, ids stay unique and the graph stays without circles", "[grow]") {
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](unsigned below) { return random() % below; };
        Run run(
            "  a: { run: x }\n  gen: { needs: [a], run: x, generate: g.yml }\n"
            "  gen2: { run: x, generate: g.yml }\n  z: { needs: [gen, gen2], run: x }\n");
        for (const std::string generator : {"gen", "gen2"}) {
            std::string text = "  {}\n";
            for (unsigned k = 0, count = pick(6); k < count; ++k) {
                std::string needs = generator == "gen" && pick(2) == 0 ? "a, " : "";
                for (unsigned n = 0; n < count; ++n)
                    if (n != k && pick(4) == 0) needs += fmt::format("j{}, ", n);
                if (k == 0) text.clear();
                text += fmt::format("  j{}: {{ needs: [{}], matrix: {{ v: [{}] }}, run: x }}\n", k,
                                    needs, pick(2) == 0 ? "1" : "1, 2");
            }
            CAPTURE(seed, text);
            const Growth growth = run.grow(generator, text);
            if (config::has_errors(growth.diagnostics)) {  // needs in a circle
                CHECK(growth.jobs.empty());
                continue;
            }
            run.jobs.insert(run.jobs.end(), growth.jobs.begin(), growth.jobs.end());
        }
        std::set<std::string> ids;
        std::vector<JobNow> now;
        for (const PlannedJob& job : run.jobs) {
            CHECK(ids.insert(job.spec.id).second);
            now.push_back({&job, model::JobState::waiting});
        }
        // Everything that becomes ready passes: with a circle this would stand still.
        for (bool moved = true; moved;) {
            moved = false;
            for (const Transition& next : advance(now, run.input.event, false)) {
                CHECK(next.event == model::JobEvent::needs_met);
                now[next.job].state = model::JobState::passed;
                moved = true;
            }
        }
        CHECK(run_state(now) == model::RunState::passed);
    }
}

TEST_CASE("what planning must know again goes through JSON", "[grow]") {
    Input input;
    input.default_branch = "trunk";
    input.project_name = "shop";
    input.run_number = 7;
    input.run_id = 8;
    input.run_attempt = 2;
    input.run_url = "https://ci.example/runs/8";
    input.trusted = true;
    input.changed_paths = Strings{"a", "b"};
    const Input again =
        input_from_json(json::parse(json::serialize(to_json(input))).value()).value();
    CHECK(again.default_branch == "trunk");
    CHECK(again.project_name == "shop");
    CHECK(again.run_number == 7);
    CHECK(again.run_id == 8);
    CHECK(again.run_attempt == 2);
    CHECK(again.run_url == input.run_url);
    CHECK(again.trusted);
    CHECK(again.changed_paths == input.changed_paths);
    input.changed_paths.reset();
    CHECK_FALSE(input_from_json(to_json(input)).value().changed_paths);
}

namespace {

/// A run with an open matrix, and the cells that lists give.
Strings cells_of(const Run& run, const AxisValues& values) {
    const Growth growth = expand({run.input, run.jobs, "test", values});
    Strings out;
    for (const auto& d : growth.diagnostics) out.push_back(config::format(d));
    for (const PlannedJob& job : growth.jobs) out.push_back(job.spec.id);
    return out;
}

const char* const k_open =
    "  list: { outputs: { l: list, m: list }, run: x }\n"
    "  test: { needs: [list], matrix: { v: \"${{ needs.list.outputs.l }}\", os: [a, b], "
    "exclude: [{ v: old, os: b }], include: [{ v: new, extra: e }] }, "
    "name: \"${{ matrix.v }}${{ matrix.extra ?? '' }}\", env: { V: \"${{ matrix.v }}\" }, run: y "
    "}\n"
    "  after: { needs: [test], run: z }\n";

}  // namespace

TEST_CASE("a matrix over outputs stands open until its lists are there", "[grow]") {
    const Run run(k_open);
    REQUIRE(run.jobs.size() == 3);
    const PlannedJob& open = run.jobs[1];
    CHECK(open.spec.id == "test");
    REQUIRE(open.axes.size() == 1);
    CHECK(open.axes[0] == LateAxis{"v", "${{ needs.list.outputs.l }}"});
    CHECK(open.reads == Strings{"list"});
    CHECK(planned_job_from_json(to_json(open)).value() == open);
    CHECK(cells_of(run, {{"v", {"old", "new"}}}) ==
          Strings{"test (old, a)", "test (new, a)", "test (new, b)"});
    CHECK(cells_of(run, {{"v", {"old"}}}) == Strings{"test (old, a)"});
    CHECK(cells_of(run, {{"v", {}}}).empty());
    const auto growth = expand({run.input, run.jobs, "test", {{"v", {"new"}}}});
    REQUIRE(growth.jobs.size() == 2);
    CHECK(growth.jobs[0].spec.name == "newe");
    CHECK(growth.jobs[0].spec.env.at("V") == "new");
    CHECK(growth.jobs[0].axes.empty());
    CHECK(growth.jobs[0].needs == open.needs);
}

TEST_CASE("lists that give no cells are told", "[grow]") {
    const Run run(k_open);
    CHECK(cells_of(run, {{"v", {"x", "x"}}}) ==
          Strings{".ci.yml:5:39: error: value `x` stands twice in axis `v` hint: remove one"});
    CHECK(cells_of(run, {{"v", {std::string(129, 'x')}}}) ==
          Strings{".ci.yml:5:39: error: a matrix value is one line of at most 128 bytes"});
    Strings many;
    for (int i = 0; i < 129; ++i) many.push_back(std::to_string(i));
    const Strings told = cells_of(run, {{"v", many}});
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("the matrix of `test` has 258 cells, at most 256") != std::string::npos);
}

TEST_CASE("an edit of a job whose cells are not there yet is seen", "[grow]") {
    const auto definition = [](const std::string& run) {
        return Run("  list: { outputs: { l: list }, run: x }\n  test: { needs: [list], matrix: { "
                   "v: "
                   "\"${{ needs.list.outputs.l }}\" }, if: \"matrix.v != 'x'\", run: " +
                   run + " }\n")
            .jobs[1]
            .definition;
    };
    CHECK(definition("y") == definition("y"));
    CHECK(definition("y") != definition("z"));
}

TEST_CASE("an open matrix is due when the last of its lists is there", "[grow]") {
    using model::JobState;
    const Run run(
        "  a: { outputs: { l: list }, run: x }\n  b: { outputs: { l: list }, run: x }\n"
        "  test: { needs: [a, b], matrix: { x: \"${{ needs.a.outputs.l }}\", y: \"${{ "
        "needs.b.outputs.l }}\" }, run: y }\n"
        "  pair: { needs: [{ job: test, matrix: [x, y] }], matrix: { x: [1], y: [2] }, run: z }\n");
    const auto due = [&](JobState a, JobState b, bool written = true) {
        std::vector<JobNow> now;
        for (const PlannedJob& job : run.jobs) now.push_back({&job});
        now[0].state = a;
        now[1].state = b;
        const OutputsOf outputs = [&](std::size_t job) {
            if (job > 1 || !written) return Outputs{};
            return Outputs{{"l", job == 0 ? "[\"p\",\"q\"]" : "[]"}};
        };
        // Who needs a cell of it waits for the job that stands for the cells.
        if (b == JobState::running) CHECK(advance(now, run.input.event, false, outputs).empty());
        return due_matrices(now, outputs);
    };
    CHECK(due(JobState::passed, JobState::running).empty());
    CHECK(due(JobState::passed, JobState::passed, false).empty());
    const auto both = due(JobState::passed, JobState::warned);
    REQUIRE(both.size() == 1);
    CHECK(both[0].job == 2);
    CHECK(both[0].values == AxisValues{{"x", {"p", "q"}}, {"y", {}}});
}
