// Jobs with a matrix that call jobs of a fragment (decision 0024).
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/inputs.hpp"
#include "tests/unit/pipelines/file_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

using namespace sluice;
using namespace sluice::plan;
using model::JobState;
using test::FileRun;

namespace {

using Strings = std::vector<std::string>;

const std::vector<SourceFile> k_release{
    {"f.yml",
     "version: 1\nparams: { py: { type: string } }\noutputs: { tag: string, out: "
     "{ type: dir } }\njobs:\n"
     "  build:\n    matrix: { os: [linux, mac] }\n    env: { PY: \"${{ params.py }}\" }\n"
     "    run: x\n"
     "  sum:\n    needs: [build]\n    outputs: { tag: string, out: { path: out, type: dir } }\n"
     "    run: x\n"
     "  tell:\n    needs: [sum]\n    env: { TAG: \"${{ needs.sum.outputs.tag }}\" }\n"
     "    run: x\n"}};

/// The caller of k_release with these cells, and more keys and jobs.
std::string caller(const std::string& matrix, const std::string& more = "",
                   const std::string& jobs = "") {
    return fmt::format(
        "  call: {{ matrix: {{ {} }}, uses: ./f.yml, with: {{ py: \"${{{{ matrix.py }}}}\" }}{} "
        "}}\n{}",
        matrix, more, jobs);
}

Strings mistakes(const std::string& jobs, std::vector<SourceFile> fragments = k_release) {
    Input input;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", "version: 1\non: { push: {} }\njobs:\n" + jobs}};
    input.fragments = std::move(fragments);
    Strings out;
    for (const auto& d : make_plan(input).diagnostics) out.push_back(d.message);
    return out;
}

}  // namespace

TEST_CASE("each cell of a caller is one expansion of the fragment", "[expansions]") {
    FileRun run(caller("py: ['3.11', '3.12']"), k_release);
    CHECK(run.ids() == Strings{"call (3.11)/build (linux)", "call (3.11)/build (mac)",
                               "call (3.12)/build (linux)", "call (3.12)/build (mac)",
                               "call (3.11)/sum", "call (3.12)/sum", "call (3.11)/tell",
                               "call (3.12)/tell"});
    const PlannedJob& build = run.planned("call (3.12)/build (mac)");
    CHECK(build.spec.base == "call/build");
    CHECK(build.spec.matrix == std::map<std::string, std::string>{{"os", "mac"}, {"py", "3.12"}});
    CHECK(build.spec.env.at("PY") == "3.12");
    CHECK(run.planned("call (3.11)/sum").needs ==
          std::vector<Need>{{"call/build", false, {{"py", "3.11"}}}});
    CHECK(run.planned("call (3.11)/sum").callers.front().gives == Strings{"out", "tag"});
}

TEST_CASE("an expansion waits for its own jobs alone, and reads theirs", "[expansions]") {
    FileRun run(caller("py: ['3.11', '3.12']"), k_release);
    run.end("call (3.11)/build (linux)", JobState::passed);
    run.end("call (3.11)/build (mac)", JobState::passed);
    CHECK(run.state("call (3.11)/sum") == "ready");
    CHECK(run.state("call (3.12)/sum") == "waiting");
    run.end("call (3.11)/sum", JobState::passed, {{"tag", "eleven"}});
    CHECK(run.spec("call (3.11)/tell").env.at("TAG") == "eleven");
    run.end("call (3.12)/build (linux)", JobState::failed);
    run.end("call (3.12)/build (mac)", JobState::passed);
    CHECK(run.state("call (3.12)/sum") == "blocked");
    CHECK(run.state("call (3.11)/tell") == "ready");
}

TEST_CASE("who needs a caller waits for all its cells, or for those that it names",
          "[expansions]") {
    FileRun run(caller("py: ['3.11', '3.12']", "",
                       "  all: { needs: [call], run: x, env: { N: \"${{ "
                       "length(needs.call.cells) }}\", TAGS: \"${{ needs.call.cells[0].outputs.tag "
                       "?? '-' }} ${{ needs.call.cells[1].matrix.py }} ${{ "
                       "needs.call.cells[1].result }}\" } }\n"
                       "  one:\n    needs: [{ job: call, matrix: { py: '3.12' } }]\n"
                       "    env: { TAG: \"${{ needs.call.outputs.tag }}\" }\n"
                       "    inputs: { x: call.out }\n    run: x\n"
                       "  each:\n    matrix: { py: ['3.11', '3.12'] }\n"
                       "    needs: [{ job: call, matrix: [py] }]\n"
                       "    env: { TAG: \"${{ needs.call.outputs.tag }}\" }\n    run: x\n"),
                k_release);
    const auto pass = [&](const std::string& py) {
        for (const char* os : {"linux", "mac"})
            run.end(fmt::format("call ({})/build ({})", py, os), JobState::passed);
        run.end(fmt::format("call ({})/sum", py), JobState::passed,
                {{"tag", "of " + py}, {"out", "file"}});
        run.end(fmt::format("call ({})/tell", py), JobState::passed);
    };
    pass("3.12");
    CHECK(run.spec("one").env.at("TAG") == "of 3.12");
    CHECK(run.spec("one").inputs.at("x").from == "call/sum.out");
    CHECK(run.state("one") == "ready");
    CHECK(run.spec("each (3.12)").env.at("TAG") == "of 3.12");
    CHECK(run.state("each (3.11)") == "waiting");
    CHECK(run.state("all") == "waiting");
    pass("3.11");
    CHECK(run.spec("each (3.11)").env.at("TAG") == "of 3.11");
    CHECK(run.spec("all").env.at("N") == "2");
    CHECK(run.spec("all").env.at("TAGS") == "of 3.11 3.12 passed");
}

TEST_CASE("an input from one cell of a caller is that cell's", "[expansions]") {
    FileRun run(caller("py: ['3.11', '3.12']", "",
                       "  one: { needs: [{ job: call, matrix: { py: '3.12' } }], inputs: { x: "
                       "call.out }, run: x }\n"
                       "  all: { needs: [call], inputs: { x: \"call[*].out\" }, run: x }\n"),
                k_release);
    const auto read_by = [&](const std::string& reader) {
        const auto now = run.now();
        const auto ids = run.ids();
        const auto at =
            static_cast<std::size_t>(std::find(ids.begin(), ids.end(), reader) - ids.begin());
        Strings out;
        const auto source = input_source(run.spec(reader).inputs.at("x").from);
        for (const std::size_t i : cells_read(now, at, source->job)) out.push_back(ids[i]);
        return out;
    };
    CHECK(read_by("one") == Strings{"call (3.12)/sum"});
    CHECK(read_by("all") == Strings{"call (3.11)/sum", "call (3.12)/sum"});
    CHECK(cell_folder("call (3.11)/sum") == "3.11");
    CHECK(cell_folder("call (3.11)/build (linux)") == "3.11-linux");
    CHECK(cell_folder("train (a/b, c)") == "a-b-c");
}

TEST_CASE("`max_parallel` of a caller counts expansions, from their first job to their last",
          "[expansions]") {
    FileRun run(caller("max_parallel: 1, py: ['3.11', '3.12']"), k_release);
    CHECK(run.state("call (3.11)/build (linux)") == "ready");
    CHECK(run.state("call (3.11)/build (mac)") == "ready");
    CHECK(run.state("call (3.12)/build (mac)") == "waiting");
    run.end("call (3.11)/build (linux)", JobState::passed);
    run.end("call (3.11)/build (mac)", JobState::passed);
    run.end("call (3.11)/sum", JobState::passed, {{"tag", "x"}});
    CHECK(run.state("call (3.12)/build (mac)") == "waiting");
    run.end("call (3.11)/tell", JobState::passed);
    CHECK(run.state("call (3.12)/build (linux)") == "ready");
    CHECK(run.state("call (3.12)/build (mac)") == "ready");
}

TEST_CASE("a retry starts no more expansions than `max_parallel`, whatever it carries over",
          "[expansions]") {
    const std::vector<SourceFile> lib{
        {"f.yml",
         "version: 1\nparams: { py: 1 }\njobs:\n  build: { run: x }\n"
         "  ship: { needs: [build], run: x }\n  tell: { needs: [ship], run: x }\n"}};
    FileRun run(caller("max_parallel: 1, py: [1, 2, 3]"), lib);
    for (const int py : {1, 2, 3}) {
        run.end(fmt::format("call ({})/build", py), JobState::passed);
        run.end(fmt::format("call ({})/ship", py), JobState::failed);
    }
    run.retry();
    CHECK(run.state("call (1)/ship") == "ready");
    CHECK(run.state("call (2)/ship") == "waiting");
    CHECK(run.state("call (3)/ship") == "waiting");
    run.end("call (1)/ship", JobState::passed);
    CHECK(run.state("call (1)/tell") == "ready");
    CHECK(run.state("call (2)/ship") == "waiting");
    run.end("call (1)/tell", JobState::passed);
    CHECK(run.state("call (2)/ship") == "ready");
    CHECK(run.state("call (3)/ship") == "waiting");
    run.end("call (2)/ship", JobState::failed);
    CHECK(run.state("call (3)/ship") == "ready");
}

TEST_CASE("`fail_fast` of a caller ends the other expansions, not its own clean-up",
          "[expansions]") {
    const std::vector<SourceFile> lib{{"f.yml",
                                       "version: 1\nparams: { py: 1 }\njobs:\n  a: { run: x }\n"
                                       "  clean: { needs: [a], when: always, run: x }\n"}};
    FileRun run(caller("fail_fast: true, py: [1, 2, 3]"), lib);
    run.end("call (2)/a", JobState::failed);
    CHECK(run.state("call (2)/clean") == "ready");
    Strings ended;
    const auto ids = run.ids();
    for (const FailFast& victim : run.fail_fast()) ended.push_back(ids[victim.job]);
    CHECK(ended == Strings{"call (1)/a", "call (3)/a", "call (1)/clean", "call (3)/clean"});
    CHECK(run.fail_fast().front().reason ==
          "`call (2)/a` failed, and `fail_fast` ends the other cells");
}

TEST_CASE("limits of a matrix in a fragment hold in each expansion", "[expansions]") {
    const std::vector<SourceFile> lib{
        {"f.yml",
         "version: 1\nparams: { py: 1 }\njobs:\n"
         "  a: { matrix: { x: [1, 2], max_parallel: 1, fail_fast: true }, run: x }\n"}};
    FileRun run(caller("py: [1, 2]"), lib);
    CHECK(run.state("call (1)/a (1)") == "ready");
    CHECK(run.state("call (1)/a (2)") == "waiting");
    CHECK(run.state("call (2)/a (1)") == "ready");
    run.end("call (2)/a (1)", JobState::failed);
    REQUIRE(run.fail_fast().size() == 1);
    CHECK(run.ids()[run.fail_fast().front().job] == "call (2)/a (2)");
}

TEST_CASE("callers in fragments multiply", "[expansions]") {
    const std::vector<SourceFile> lib{
        {"f.yml",
         "version: 1\nparams: { py: { type: string } }\noutputs: { m: number }\njobs:\n"
         "  first: { run: x, env: { PY: \"${{ params.py }}\" } }\n"
         "  inner:\n    needs: [first]\n    matrix: { os: [linux, mac] }\n    uses: ./g.yml\n"
         "    with: { what: \"${{ params.py }} ${{ matrix.os }}\" }\n"
         "  last:\n    needs: [{ job: inner, matrix: { os: mac } }]\n"
         "    outputs: { m: number }\n    env: { N: \"${{ needs.inner.outputs.n }}\" }\n"
         "    run: x\n"},
        {"g.yml",
         "version: 1\nparams: { what: { type: string } }\noutputs: { n: number }\n"
         "jobs: { do: { run: x, env: { WHAT: \"${{ params.what }}\" }, outputs: { n: number } } "
         "}\n"}};
    FileRun run(caller("py: [3, 4]", "",
                       "  end: { needs: [call], run: x, env: { N: \"${{ "
                       "needs.call.cells[1].outputs.m }}\" } }\n"),
                lib);
    CHECK(run.ids() == Strings{"call (3)/first", "call (4)/first", "call (3)/inner (linux)/do",
                               "call (3)/inner (mac)/do", "call (4)/inner (linux)/do",
                               "call (4)/inner (mac)/do", "call (3)/last", "call (4)/last", "end"});
    CHECK(run.spec("call (4)/inner (mac)/do").env.at("WHAT") == "4 mac");
    run.end("call (4)/first", JobState::passed);
    CHECK(run.state("call (4)/inner (mac)/do") == "ready");
    CHECK(run.state("call (3)/inner (mac)/do") == "waiting");
    run.end("call (4)/inner (mac)/do", JobState::passed, {{"n", "7"}});
    CHECK(run.state("call (4)/last") == "ready");
    CHECK(run.spec("call (4)/last").env.at("N") == "7");
    run.end("call (4)/last", JobState::passed, {{"m", "8"}});
    run.end("call (4)/inner (linux)/do", JobState::passed, {{"n", "1"}});
    run.end("call (3)/first", JobState::failed);
    CHECK(run.state("end") == "blocked");
    CHECK(run.reason("end") == "`call (3)/first` failed");
}

TEST_CASE("keys of the caller that hold for all jobs read its matrix", "[expansions]") {
    const std::vector<SourceFile> lib{
        {"f.yml", "version: 1\njobs: { go: { run: x }, then: { needs: [go], run: x } }\n"}};
    FileRun run(
        "  build: { matrix: { stage: [test, live] }, run: x }\n"
        "  ship:\n    matrix: { stage: [test, live, none] }\n    if: matrix.stage != 'none'\n"
        "    environment: \"${{ matrix.stage }}\"\n"
        "    uses: ./f.yml\n",
        lib);
    CHECK(run.planned("ship (test)/go").spec.environment->name == "test");
    CHECK(run.planned("ship (live)/then").spec.environment->name == "live");
    CHECK(run.state("ship (none)/go") == "not_selected");
    CHECK(run.reason("ship (none)/go") == "`if: matrix.stage != 'none'` of `ship` is false");
    FileRun by_cell(
        "  build: { matrix: { stage: [test, live] }, run: x }\n"
        "  ship:\n    needs: [{ job: build, matrix: [stage] }]\n"
        "    if: needs.build.result == 'passed'\n"
        "    matrix: { stage: [test, live] }\n    uses: ./f.yml\n",
        lib);
    by_cell.end("build (live)", JobState::passed);
    CHECK(by_cell.state("ship (live)/go") == "ready");
    CHECK(by_cell.state("ship (test)/go") == "waiting");
}

TEST_CASE("what a matrix cannot call is refused by name", "[expansions]") {
    const auto inside = [](const std::string& job) {
        return std::vector<SourceFile>{
            {"f.yml",
             "version: 1\nparams: { py: 1 }\njobs:\n  list: { outputs: { l: list }, run: "
             "x }\n  a: { " +
                 job + ", run: x }\n"}};
    };
    CHECK(mistakes(caller("py: [1, 2]"), inside("matrix: { py: [1] }")) ==
          Strings{"`call/a` and its caller `call` both have an axis `py`"});
    CHECK(mistakes(caller("py: [1, 2]"), inside("generate: x.yml")) ==
          Strings{"`call/a` generates jobs, and `call` calls it once per cell: the jobs of all "
                  "cells would have the same ids"});
    CHECK(mistakes(caller("py: [1, 2]"),
                   inside("needs: [list], matrix: { x: \"${{ needs.list.outputs.l }}\" }")) ==
          Strings{"the matrix of `call/a` reads an output, and `call` calls it once per cell"});
    CHECK(mistakes("  list: { outputs: { l: list }, run: x }\n" +
                   caller("py: \"${{ needs.list.outputs.l }}\"", ", needs: [list]")) ==
          Strings{"the matrix of `call` calls jobs, so its values must be known when the run is "
                  "planned"});
    CHECK(mistakes(caller("py: [1, 2]", "",
                          "  b: { needs: [call], run: x, env: { X: \"${{ needs.call.outputs.tag "
                          "}}\" } }\n")) ==
          Strings{"`needs.call.outputs` would be those of 2 cells"});
    CHECK(mistakes(caller("py: [1, 2], x: [1, 2]", "",
                          "  b: { needs: [{ job: call, matrix: { py: 1 } }], run: x, env: { X: "
                          "\"${{ needs.call.outputs.tag }}\" } }\n")) ==
          Strings{"`b` reads `needs.call.outputs`, and it needs 2 cells of that job"});
    CHECK(mistakes(caller("py: [1, 2]", "",
                          "  b: { needs: [call], inputs: { x: call.out }, run: "
                          "x }\n")) == Strings{"input `x` of `b` would be those of 2 cells"});
    CHECK(mistakes(caller("py: [1, 2]", "",
                          "  b: { needs: [{ job: call, matrix: { os: mac } }], run: x }\n")) ==
          Strings{"`call` has no axis `os`"});
}

TEST_CASE("who would read several cells is told the name that the file knows", "[expansions]") {
    const auto hints = [](const std::string& job, const std::vector<SourceFile>& lib) {
        Input input;
        input.event.branch = "main";
        input.event.sha = std::string(40, 'a');
        input.files = {{".ci.yml", "version: 1\non: { push: {} }\njobs:\n" + job}};
        input.fragments = lib;
        Strings out;
        for (const auto& d : make_plan(input).diagnostics) out.push_back(d.hint);
        return out;
    };
    const std::string matrix = "py: [1, 2], x: [1, 2]";
    const std::string need = "needs: [{ job: call, matrix: { py: 1 } }], run: x";
    const std::string value = ", env: { X: \"${{ needs.call.outputs.tag }}\" } }\n";
    const std::string file = ", inputs: { x: call.out } }\n";
    const Strings value_hint{"read `needs.call.cells`, or name more axes in the need"};
    const Strings file_hint{"take `call[*].out`, a folder per cell, or name more axes in the need"};
    CHECK(hints(caller(matrix, "", "  b: { " + need + value), k_release) == value_hint);
    CHECK(hints(caller(matrix, "", "  b: { " + need + file), k_release) == file_hint);
    // The same inside a fragment.
    for (const auto& [reader, hint] : {std::pair{value, value_hint}, std::pair{file, file_hint}}) {
        auto lib = k_release;
        lib.push_back(
            {"outer.yml", "version: 1\njobs:\n" + caller(matrix, "", "  b: { " + need + reader)});
        CHECK(hints("  outer: { uses: ./outer.yml }\n", lib) == hint);
    }
}

TEST_CASE("an id that could not be read back is refused", "[expansions]") {
    const auto axes = [](std::size_t bytes) {
        return fmt::format("a: [{}], b: [{}]", std::string(120, 'a'), std::string(bytes, 'b'));
    };
    const auto lib = [&](std::size_t bytes) {
        return std::vector<SourceFile>{
            {"f.yml",
             fmt::format("version: 1\njobs:\n  a: {{ matrix: {{ c: [1], {} }}, run: x }}\n",
                         axes(bytes).replace(0, 1, "d").replace(axes(bytes).find("b:"), 1, "e"))}};
    };
    const std::string jobs =
        fmt::format("  call: {{ matrix: {{ {} }}, uses: ./f.yml }}\n", axes(120));
    CHECK(mistakes(jobs, lib(120)) ==
          Strings{"the values of a cell of `call/a` and of its callers make an id of 499 bytes, "
                  "at most 480"});
    FileRun run(jobs, lib(101));
    const PlannedJob& job = run.planned(run.ids().front());
    CHECK(job.spec.id.size() == 480);
    CHECK(planned_job_from_json(to_json(job)).value() == job);
}

TEST_CASE("one cell of a caller has outputs of its own", "[expansions]") {
    FileRun run(caller("py: [1]", "",
                       "  b: { needs: [call], run: x, env: { X: \"${{ needs.call.outputs.tag }}\" "
                       "} }\n"),
                k_release);
    for (const char* job : {"build (linux)", "build (mac)"})
        run.end(fmt::format("call (1)/{}", job), JobState::passed);
    run.end("call (1)/sum", JobState::passed, {{"tag", "t"}});
    run.end("call (1)/tell", JobState::passed);
    CHECK(run.spec("b").env.at("X") == "t");
}

TEST_CASE("a planned job in an expansion is read back as it was", "[expansions]") {
    FileRun run(caller("fail_fast: true, max_parallel: 2, py: [1, 2]"), k_release);
    for (const std::string& id : run.ids()) {
        const PlannedJob& job = run.planned(id);
        CHECK(planned_job_from_json(to_json(job)).value() == job);
    }
}

TEST_CASE("callers of any shape and limit come to an end", "[expansions]") {
    for (unsigned seed = 0; seed < 150; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](unsigned below) { return random() % below; };
        const auto call = [&](unsigned level, unsigned fragment) {
            if (pick(3) == 0) return fmt::format("uses: ./f{}.yml", fragment);
            return fmt::format("matrix: {{ m{}: [1, 2, 3]{}{} }}, uses: ./f{}.yml", level,
                               pick(2) == 0 ? fmt::format(", max_parallel: {}", 1 + pick(2)) : "",
                               pick(4) == 0 ? ", fail_fast: true" : "", fragment);
        };
        std::vector<SourceFile> lib;
        for (unsigned f = 0; f < 2; ++f) {
            std::string jobs;
            for (unsigned k = 0, count = 1 + pick(3); k < count; ++k)
                jobs += fmt::format(
                    "  j{}: {{ needs: [{}], {} }}\n", k, k > 0 ? fmt::format("j{}", pick(k)) : "",
                    f == 0 && pick(2) == 0 ? call(1, 1)
                    : pick(3) == 0         ? "matrix: { own: [1, 2], max_parallel: 1 }, run: x"
                                           : "run: x");
            lib.push_back({fmt::format("f{}.yml", f), "version: 1\njobs:\n" + jobs});
        }
        std::string jobs;
        for (unsigned k = 0; k < 3; ++k)
            jobs += fmt::format("  j{}: {{ needs: [{}], {} }}\n", k,
                                k > 0 ? fmt::format("j{}", pick(k)) : "",
                                pick(3) == 0 ? "run: x" : call(0, pick(2)));
        CAPTURE(seed, jobs, lib[0].text, lib[1].text);
        FileRun run(jobs, lib);
        const auto ids = run.ids();
        CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size());
        bool is_retry = false;
        for (std::size_t turns = 0;; ++turns) {
            REQUIRE(turns <= 2 * ids.size() + 1);
            std::map<std::string, std::set<std::string>> going;  // expansions by caller
            std::map<std::string, std::size_t> limits;
            Strings ready;
            for (const JobNow& now : run.now()) {
                if (now.state != JobState::ready) continue;
                ready.push_back(now.planned->spec.id);
                std::string around;
                for (const CallerCell& cell : now.planned->callers) {
                    const std::string group = cell.caller + around;
                    for (const auto& [axis, value] : cell.matrix) around += "," + value;
                    if (cell.max_parallel == 0) continue;
                    going[group].insert(around);
                    limits[group] = static_cast<std::size_t>(cell.max_parallel);
                }
            }
            for (const auto& [group, cells] : going) CHECK(cells.size() <= limits[group]);
            if (ready.empty()) {
                for (const JobNow& now : run.now()) CHECK(model::is_terminal(now.state));
                if (is_retry) break;
                is_retry = true;
                run.retry();
                continue;
            }
            run.end(ready[pick(static_cast<unsigned>(ready.size()))],
                    pick(6) == 0 ? JobState::failed : JobState::passed);
        }
    }
}
