#include "pipelines/plan/calls.hpp"
#include "pipelines/plan/groups.hpp"
#include "pipelines/plan/plan.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <set>

using namespace sluice;
using namespace sluice::plan;

namespace {

const std::string k_head = "version: 1\non: { push: {} }\n";
using Files = std::vector<SourceFile>;
using Strings = std::vector<std::string>;

Outcome planned(std::string text, Files fragments) {
    Input input;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", k_head + std::move(text)}};
    input.fragments = std::move(fragments);
    return make_plan(input);
}

Strings ids(const Outcome& outcome) {
    for (const auto& d : outcome.diagnostics) UNSCOPED_INFO(config::format(d));
    REQUIRE(outcome.plan.has_value());
    Strings out;
    for (const PlannedJob& job : outcome.plan->jobs) out.push_back(job.spec.id);
    return out;
}

}  // namespace

TEST_CASE("files name fragments by paths of the repository, and remote ones as they stand",
          "[calls]") {
    const std::string commit(40, 'b');
    const Files files{
        {".ci.yml",
         "jobs:\n  a: { uses: ./.ci/lib/a.yml }\n  b: { steps: [x, { uses: ./b.yml }, "
         "{ uses: ./.ci/lib/a.yml }] }\n  c: { uses: actions/checkout@v4 }\n  d: { uses: "
         "\"git+https://git.example/x//y.yml@" +
             commit + "\" }\n"},
        {".ci/broken.yml", "uses: ["}};
    const std::string remote = "git+https://git.example/x//y.yml@" + commit;
    CHECK(named_fragments(files) == Strings{".ci/lib/a.yml", "b.yml", remote});
    // Inside a remote fragment `./` is that repository at that commit.
    CHECK(named_fragments({{remote, "steps: [{ uses: ./lib/z.yml }]"}}) ==
          Strings{"git+https://git.example/x//lib/z.yml@" + commit});
}

TEST_CASE("fragments of fragments are collected, each once, missing ones asked for once",
          "[calls]") {
    Strings asked;
    const auto read = [&](const std::string& path) -> std::optional<SourceFile> {
        asked.push_back(path);
        if (path == "gone.yml") return std::nullopt;
        const std::string next = path == "a.yml" ? "b" : path == "b.yml" ? "c" : "a";
        return SourceFile{path, "steps: [{ uses: ./" + next + ".yml }, { uses: ./gone.yml }]"};
    };
    const auto all = collect_fragments({{".ci.yml", "jobs: { x: { uses: ./a.yml } }"}}, read);
    CHECK(asked == Strings{"a.yml", "b.yml", "gone.yml", "c.yml"});
    CHECK(all.size() == 3);
}

TEST_CASE("a caller stands for all its jobs, and they see the caller's needs", "[calls]") {
    const auto outcome = planned(
        "jobs:\n  first: { run: x }\n  call: { needs: [first], uses: ./f.yml }\n"
        "  last: { needs: [call], run: x }\n",
        {{"f.yml", "version: 1\njobs: { b: { needs: [a], run: x }, a: { run: x } }\n"}});
    CHECK(ids(outcome) == Strings{"first", "call/a", "call/b", "last"});
    const auto& jobs = outcome.plan->jobs;
    CHECK(jobs[1].needs == std::vector<Need>{{"first", false}});
    CHECK(jobs[2].needs == std::vector<Need>{{"call/a", false}, {"first", false}});
    CHECK(jobs[3].needs == std::vector<Need>{{"call", false}});
    CHECK(is_part_of("call/a", "call"));
    CHECK_FALSE(is_part_of("caller", "call"));
    CHECK_FALSE(is_inside("call", "call"));
}

TEST_CASE("what an outsider can choose does not get into a script by a param", "[calls]") {
    const Files lib{{"f.yml",
                     "version: 1\nparams: { n: { type: number }, s: { type: string } }\n"
                     "steps: [\"echo ${{ params.n }}\"]\n"}};
    CHECK(ids(planned("jobs: { a: { uses: ./f.yml, with: { n: 3, s: x } } }", lib)) ==
          Strings{"a"});
    // The commit message is checked as the number that it has to be.
    const auto evil =
        planned("jobs: { a: { uses: ./f.yml, with: { n: \"${{ branch ?? '' }}\", s: x } } }", lib);
    REQUIRE(config::has_errors(evil.diagnostics));
    CHECK(evil.diagnostics.front().message ==
          "`a` for a push event: param `n` is a number, got `main`");
}

TEST_CASE("calls that multiply end in a diagnostic, soon", "[calls]") {
    Files lib;
    for (int i = 0; i < 4; ++i) {
        std::string steps, jobs;
        for (int k = 0; k < 200; ++k) {
            steps += fmt::format("  - {{ uses: ./s{}.yml }}\n", i + 1);
            jobs += fmt::format("  a{}: {{ uses: ./j{}.yml }}\n", k, i + 1);
        }
        lib.push_back({fmt::format("s{}.yml", i), "version: 1\nsteps:\n" + steps});
        lib.push_back({fmt::format("j{}.yml", i), "version: 1\njobs:\n" + jobs});
    }
    lib.push_back({"s4.yml", "version: 1\nsteps: [x]\n"});
    lib.push_back({"j4.yml", "version: 1\njobs: { a: { run: x } }\n"});
    for (const char* start : {"./s1.yml", "./j1.yml"}) {
        const auto begin = std::chrono::steady_clock::now();
        const auto outcome = planned(fmt::format("jobs: {{ a: {{ uses: {} }} }}", start), lib);
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
        const bool told = std::any_of(
            outcome.diagnostics.begin(), outcome.diagnostics.end(),
            [](const auto& d) { return d.id == "plan_too_large" || d.id == "too_many_jobs"; });
        CHECK(told);
    }
}

TEST_CASE("whatever calls whatever, ids are unique and needs stand before", "[calls]") {
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](unsigned below) { return random() % below; };
        Files lib;
        for (unsigned f = 0; f < 3; ++f) {
            std::string jobs;
            for (unsigned k = 0, count = 1 + pick(3); k < count; ++k) {
                std::string needs;
                for (unsigned n = 0; n < k; ++n)
                    if (pick(2) == 0) needs += fmt::format("j{}, ", n);
                const bool calls = f < 2 && pick(3) == 0;
                jobs += fmt::format("  j{}: {{ needs: [{}], {} }}\n", k, needs,
                                    calls ? fmt::format("uses: ./f{}.yml", f + 1) : "run: x");
            }
            lib.push_back({fmt::format("f{}.yml", f), "version: 1\njobs:\n" + jobs});
        }
        std::string jobs = "jobs:\n";
        for (unsigned k = 0; k < 4; ++k) {
            const std::string needs = k > 0 ? fmt::format("j{}", pick(k)) : "";
            jobs += fmt::format("  j{}: {{ needs: [{}], {} }}\n", k, needs,
                                pick(2) == 0 ? fmt::format("uses: ./f{}.yml", pick(3)) : "run: x");
        }
        CAPTURE(seed, jobs);
        const auto outcome = planned(jobs, lib);
        std::set<std::string> before;
        for (const std::string& id : ids(outcome)) CHECK(before.insert(id).second);
        before.clear();
        for (const PlannedJob& job : outcome.plan->jobs) {
            for (const Need& need : job.needs)
                CHECK(std::any_of(before.begin(), before.end(),
                                  [&](const std::string& id) { return is_part_of(id, need.job); }));
            before.insert(job.spec.id);
        }
    }
}

namespace {

std::string told(const Outcome& outcome) {
    std::string out;
    for (const auto& d : outcome.diagnostics) out += config::format(d) + "\n";
    return out;
}

}  // namespace

TEST_CASE("an output of a caller is that of the job inside which declares it", "[calls]") {
    const Files files{{"release.yml",
                       "version: 1\noutputs: { digest: digest, notes: string }\njobs:\n"
                       "  build: { outputs: { digest: digest }, run: x }\n"
                       "  text: { needs: [build], uses: ./text.yml }\n"},
                      {"text.yml",
                       "version: 1\noutputs: { notes: string }\njobs:\n"
                       "  write: { outputs: { notes: string }, run: x }\n"}};
    const auto outcome = planned(
        "jobs:\n  release: { uses: ./release.yml }\n"
        "  use: { needs: [release], if: \"needs.release.outputs.notes != ''\", "
        "run: \"deploy ${{ needs.release.outputs.digest }}\" }\n"
        "  spare: { needs: [{ job: release, optional: true }], "
        "env: { D: \"${{ needs.release.outputs.digest ?? 'none' }}\" }, run: y }\n",
        files);
    CHECK(ids(outcome) == Strings{"release/build", "release/text/write", "use", "spare"});
    const auto& jobs = outcome.plan->jobs;
    CHECK(jobs[2].late_if == "(needs['release/text/write'].outputs.notes != '')");
    REQUIRE(jobs[2].late.size() == 1);
    CHECK(jobs[2].late[0].text == "deploy ${{ needs['release/build'].outputs.digest }}");
    CHECK(jobs[2].reads == Strings{"release/build", "release/text/write"});
    CHECK(jobs[3].reads.empty());
}

TEST_CASE("outputs of a fragment with jobs that nobody gives, or several, are refused", "[calls]") {
    const auto message = [](const std::string& outputs, const std::string& jobs) {
        return told(
            planned("jobs: { c: { uses: ./f.yml } }\n",
                    {{"f.yml", "version: 1\noutputs: { " + outputs + " }\njobs:\n" + jobs}}));
    };
    CHECK(message("x: string", "  a: { run: y }\n") ==
          "f.yml:2:12: error: no job of this fragment has an output `x` hint: a job declares and "
          "writes it, the fragment passes it on\n");
    CHECK(message("x: string",
                  "  a: { outputs: { x: string }, run: y }\n  b: { outputs: { x: "
                  "string }, run: y }\n") ==
          "f.yml:2:12: error: `c/a` and `c/b` both have an output `x` hint: give them different "
          "names\n");
    CHECK(
        message("x: string", "  a: { matrix: { v: [1, 2] }, outputs: { x: string }, run: y }\n") ==
        "f.yml:2:12: error: `c/a` has cells, so there would be several `x` hint: let a job without "
        "a matrix gather them\n");
    CHECK(message("x: number", "  a: { outputs: { x: string }, run: y }\n") ==
          "f.yml:2:12: error: `x` is number here and string in `c/a` hint: say the same in both\n");
}
