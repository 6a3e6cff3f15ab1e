/// Why a job is selected or not: what `sluice explain` shows.
#include "pipelines/plan/trace.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace sluice;
using namespace sluice::plan;

namespace {

const std::string k_file = R"yml(version: 1
on:
  push: { branches: [main, "feature/*"], paths: ["src/**", "docs/**"] }
  pull_request: { branches: [main], drafts: false }
  tag: ["v*"]
jobs:
  build: { run: make, changes: ["src/**"] }
  test: { needs: [build], matrix: { py: [1, 2] }, if: "matrix.py == '1'", run: make test }
  deploy: { if: "branch == default_branch && changed('src/**')", run: ./deploy }
  alarm: { needs: [build], if: needs.build.result == 'failed', run: mail }
  docs: { on: [push], run: make docs }
)yml";

struct Explained {
    Trace trace;
    Outcome outcome;

    const JobReasons& job(const std::string& id) const {
        for (const JobReasons& job : trace.jobs)
            if (job.id == id) return job;
        FAIL("no job " << id);
        return trace.jobs.front();
    }
    /// `+ on: …` per line.
    std::string reasons(const std::string& id) const {
        std::string out;
        for (const Reason& reason : job(id).reasons)
            out += fmt::format("{} {}: {}\n",
                               reason.later   ? "?"
                               : reason.holds ? "+"
                                              : "-",
                               reason.rule, reason.text);
        return out;
    }
};

model::Event push_of(const std::string& branch) {
    model::Event event;
    event.kind = model::EventKind::push;
    event.branch = branch;
    event.sha = std::string(40, 'a');
    return event;
}

Explained explain(const model::Event& event,
                  std::optional<std::vector<std::string>> changed = std::nullopt,
                  const std::string& file = k_file) {
    Input input;
    input.event = event;
    input.files = {{".ci.yml", file}};
    input.changed_paths = std::move(changed);
    Explained out;
    out.outcome = make_plan(input, out.trace);
    return out;
}

}  // namespace

TEST_CASE("a trace names the trigger, the path and the values that decided", "[trace]") {
    const auto run = explain(push_of("feature/x"), {{"docs/a.md", "README.md"}});
    CHECK(run.job("build").choice == Choice::not_selected);
    CHECK(run.reasons("build") ==
          "+ on: `feature/x` matches `on.push`: main, feature/*\n"
          "+ paths: `docs/a.md` changed and matches src/**, docs/**\n"
          "- changes: no changed path (of 2) matches src/**\n");
    CHECK(run.job("build").reasons.back().line == 7);
    CHECK(run.job("build").reasons.back().file == ".ci.yml");
    CHECK(run.job("deploy").choice == Choice::not_selected);
    CHECK(run.job("deploy").reasons.back().text ==
          "`branch == default_branch && changed('src/**')` is false (branch = 'feature/x', "
          "default_branch = 'main', changed('src/**') = false)");
}

TEST_CASE("a trace tells cells apart", "[trace]") {
    const auto run = explain(push_of("main"));
    CHECK(run.job("test (1)").choice == Choice::selected);
    CHECK(run.job("test (2)").choice == Choice::not_selected);
    CHECK(run.job("test (2)").reasons.back().text ==
          "`matrix.py == '1'` is false (matrix.py = '2')");
    CHECK(run.job("test (1)").reasons[1].text ==
          "it is not known what changed, so everything counts as changed");
}

TEST_CASE("what reads the needs is decided later", "[trace]") {
    const auto run = explain(push_of("main"));
    CHECK(run.job("alarm").choice == Choice::later);
    CHECK(run.job("alarm").reasons.back().later);
    CHECK(run.job("alarm").reasons.back().text ==
          "`needs.build.result == 'failed'` is decided when the needs have ended");
}

TEST_CASE("a job that the event does not bring says why", "[trace]") {
    model::Event tag;
    tag.kind = model::EventKind::tag;
    tag.tag = "v1";
    tag.sha = std::string(40, 'a');
    const auto tagged = explain(tag);
    CHECK(tagged.job("docs").choice == Choice::absent);
    CHECK(tagged.reasons("docs") ==
          "+ on: `v1` matches `on.tag`: v*\n"
          "- on: `on` of the job leaves the event out: push\n");
    tag.tag = "nightly";
    const auto other = explain(tag);
    CHECK_FALSE(other.outcome.triggered);
    CHECK(other.job("build").choice == Choice::absent);
    CHECK(other.reasons("build") == "- on: `nightly` does not match `on.tag`: v*\n");

    model::Event manual;
    manual.kind = model::EventKind::manual;
    manual.sha = std::string(40, 'a');
    CHECK(explain(manual).reasons("build") == "- on: `on` has no `manual`\n");

    model::Event draft;
    draft.kind = model::EventKind::pull_request;
    draft.sha = std::string(40, 'a');
    draft.pull_request.emplace();
    draft.pull_request->target_branch = "main";
    draft.pull_request->draft = true;
    CHECK(explain(draft).reasons("build") ==
          "- on: the pull request is a draft, and `drafts` is false\n");
}

TEST_CASE("asking does not change the plan", "[trace]") {
    Input input;
    input.event = push_of("main");
    input.files = {{".ci.yml", k_file}};
    const Outcome quiet = make_plan(input);
    Trace trace;
    const Outcome asked = make_plan(input, trace);
    CHECK(quiet.plan->hash == asked.plan->hash);
    CHECK(trace.jobs.size() == asked.plan->jobs.size());
}

TEST_CASE("a trace of hostile text stays short and on one line", "[trace]") {
    const auto run = explain(push_of("feature/" + std::string(5000, 'x') + "\n- on: forged"));
    for (const JobReasons& job : run.trace.jobs)
        for (const Reason& reason : job.reasons) {
            CHECK(reason.text.size() < 600);
            CHECK(reason.text.find('\n') == std::string::npos);
        }
}

TEST_CASE("files with errors have no reasons", "[trace]") {
    CHECK(explain(push_of("main"), std::nullopt, "version: 1\njobs: { a: { rnu: x } }\n")
              .trace.jobs.empty());
}
