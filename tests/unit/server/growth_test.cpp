/// Rule 19: a job's end brings further jobs, in the transaction that records it.
#include "server/store/attempts.hpp"
#include "tests/unit/server/ci_fixture.hpp"

using namespace sluice;
using namespace sluice::test;
using model::JobState;

namespace {

JobBuilder generator(std::string id) {
    auto builder = job(std::move(id));
    builder.planned.spec.generate = "jobs.yml";
    return builder;
}

protocol::FinishRequest generated(std::string text = "version: 1\njobs: {}\n") {
    protocol::FinishRequest request;
    request.runner_instance = "r1";
    request.outcome = passed();
    request.generated = std::move(text);
    return request;
}

core::Grown grown(std::vector<JobBuilder> jobs) {
    core::Grown out;
    out.is_planned = true;
    for (auto& builder : jobs) out.jobs.push_back(std::move(builder.planned));
    return out;
}

Result<JobState> finish(Fixture& ci, const protocol::ClaimedJob& lease, const core::Grown& more,
                        const protocol::FinishRequest& request = generated()) {
    return ci.attempt_write(
        [&](store::Tx& tx) { return ci.lifecycle.finish(tx, lease.attempt, request, "d1", more); });
}

std::vector<std::string> states(Fixture& ci, RunId run) {
    return ci.write([&](store::Tx& tx) -> Result<std::vector<std::string>> {
        std::vector<std::string> out;
        for (const auto& job : store::jobs_of(tx, run))
            out.push_back(job.key + " " + std::string(to_text(job.state)));
        return out;
    });
}

store::Run row(Fixture& ci, RunId run) {
    return ci.write(
        [&](store::Tx& tx) -> Result<store::Run> { return store::find_run(tx, run).value(); });
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("who needs a generator waits for what it made, and the run does not end before",
          "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen"), job("after").after("gen")});
    auto lease = ci.started();
    CHECK(finish(ci, lease, grown({job("gen/a").after("gen"), job("gen/b").after("gen/a")})) ==
          JobState::passed);
    CHECK(states(ci, run) ==
          Strings{"gen passed", "after waiting", "gen/a ready", "gen/b waiting"});
    CHECK(row(ci, run).state == model::RunState::active);
    CHECK(row(ci, run).jobs_total == 4);
    for (int i = 0; i < 2; ++i) ci.finish(ci.started(), passed()).value();
    CHECK(states(ci, run) == Strings{"gen passed", "after ready", "gen/a passed", "gen/b passed"});
    ci.finish(ci.started(), passed()).value();
    CHECK(row(ci, run).state == model::RunState::passed);
}

TEST_CASE("the same finish again brings nothing twice", "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen")});
    auto lease = ci.started();
    const auto more = grown({job("gen/a").after("gen")});
    CHECK(finish(ci, lease, more) == JobState::passed);
    CHECK(finish(ci, lease, more) == JobState::passed);
    CHECK(states(ci, run) == Strings{"gen passed", "gen/a ready"});
}

TEST_CASE("a lost transaction leaves neither jobs nor a wrong memory of them", "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen")});
    auto lease = ci.started();
    auto lost = ci.attempt_write([&](store::Tx& tx) -> Result<JobState> {
        SLUICE_TRY([[maybe_unused]] auto state,
                   ci.lifecycle.finish(tx, lease.attempt, generated(), "d1",
                                       grown({job("gen/x").after("gen")})));
        return error(Code::internal, "lost", "");
    });
    CHECK_FALSE(lost.has_value());
    CHECK(states(ci, run) == Strings{"gen running"});
    CHECK(finish(ci, lease, grown({job("gen/a").after("gen")})) == JobState::passed);
    CHECK(states(ci, run) == Strings{"gen passed", "gen/a ready"});
}

TEST_CASE("a broken fragment fails the job by its configuration, for people to read", "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen"), job("after").after("gen")});
    auto lease = ci.started();
    core::Grown broken;
    broken.is_planned = true;
    broken.failure = "the generated jobs.yml has 1 mistake";
    broken.diagnostics = R"([{"id":"x"}])";
    CHECK(finish(ci, lease, broken) == JobState::failed);
    const auto jobs = ci.write(
        [&](store::Tx& tx) -> Result<std::vector<store::Job>> { return store::jobs_of(tx, run); });
    CHECK(jobs[0].cause == model::Cause::config);
    CHECK(jobs[0].message == broken.failure);
    CHECK(jobs[1].state == JobState::blocked);
    CHECK(row(ci, run).diagnostics == broken.diagnostics);
}

TEST_CASE("a generator that sends nothing has not done its work", "[growth]") {
    Fixture ci;
    ci.run({generator("gen")});
    auto lease = ci.started();
    auto request = generated();
    CHECK(finish(ci, lease, {}, request).error().code == Code::unavailable);  // not planned
    request.generated.reset();
    CHECK(finish(ci, lease, {}, request) == JobState::failed);
}

TEST_CASE("two generators together stay below the limit of a run", "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen"), generator("gen2")});
    auto first = ci.started(), second = ci.started();
    std::vector<JobBuilder> many, more;
    for (int i = 0; i < 3'000; ++i) {
        many.push_back(job("gen/" + std::to_string(i)).after("gen"));
        more.push_back(job("gen2/" + std::to_string(i)).after("gen2"));
    }
    CHECK(finish(ci, first, grown(std::move(many))) == JobState::passed);
    CHECK(finish(ci, second, grown(std::move(more))) == JobState::failed);
    CHECK(row(ci, run).jobs_total == 3'002);
}

TEST_CASE("jobs that come to a cancelled run are cancelled", "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen")});
    auto lease = ci.started();
    ci.write([&](store::Tx& tx) -> Result<bool> {
        SLUICE_CHECK(ci.lifecycle.cancel_run(tx, run, "me"));
        return true;
    });
    CHECK(finish(ci, lease, grown({job("gen/a").after("gen")})) == JobState::passed);
    CHECK(states(ci, run) == Strings{"gen passed", "gen/a cancelled"});
    CHECK(model::is_terminal(row(ci, run).state));
}

TEST_CASE("a retry carries what a generator had made, and runs what had failed", "[growth]") {
    Fixture ci;
    const RunId run = ci.run({generator("gen")});
    finish(ci, ci.started(), grown({job("gen/a").after("gen"), job("gen/b").after("gen")})).value();
    ci.finish(ci.started(), passed()).value();
    ci.finish(ci.started(), failed()).value();
    core::NewRun fresh;
    fresh.project = ci.project;
    fresh.event.sha = std::string(40, 'a');
    fresh.plan.emplace();
    fresh.plan->jobs.push_back(generator("gen").planned);
    fresh.retry_of = run;
    fresh.carry_passed = true;
    const RunId again = ci.write(
        [&](store::Tx& tx) -> Result<RunId> { return ci.lifecycle.create_run(tx, fresh); });
    CHECK(states(ci, again) == Strings{"gen passed", "gen/a passed", "gen/b ready"});
    CHECK(row(ci, again).jobs_total == 3);
}
