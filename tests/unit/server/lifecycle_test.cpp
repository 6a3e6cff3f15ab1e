#include "tests/unit/server/ci_fixture.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using model::JobState;
using model::RunState;

TEST_CASE("a run of one job passes", "[lifecycle]") {
    Fixture ci;
    const auto run = ci.run({job("build")});
    CHECK(ci.state(run, "build") == JobState::ready);
    auto lease = ci.started();
    CHECK(ci.state(run, "build") == JobState::running);
    CHECK(ci.finish(lease, passed()).value() == JobState::passed);
    CHECK(ci.run_state(run) == RunState::passed);
    CHECK(ci.leases.size() == 0);
}

TEST_CASE("needs start when they have passed, and are blocked when one failed", "[lifecycle]") {
    Fixture ci;
    const auto run = ci.run({job("lint"), job("test").after("lint"), job("deploy").after("test")});
    CHECK(ci.state(run, "test") == JobState::waiting);
    CHECK(ci.job_row(run, "test").wait_reason == "waiting for lint");
    ci.finish(ci.started(), passed()).value();
    CHECK(ci.state(run, "test") == JobState::ready);
    ci.finish(ci.started(), failed()).value();
    CHECK(ci.state(run, "test") == JobState::failed);
    CHECK(ci.state(run, "deploy") == JobState::blocked);
    CHECK(ci.run_state(run) == RunState::failed);
}

TEST_CASE("allow_failure turns a failure into a warning that satisfies needs", "[lifecycle]") {
    Fixture ci;
    const auto run = ci.run({job("lint").allowed_to_fail(), job("test").after("lint")});
    CHECK(ci.finish(ci.started(), failed()).value() == JobState::warned);
    CHECK(ci.state(run, "test") == JobState::ready);
}

TEST_CASE("not_selected is terminal at once and satisfies needs", "[lifecycle]") {
    Fixture ci;
    const auto run =
        ci.run({job("docs").not_selected("no changed path matches"), job("test").after("docs")});
    CHECK(ci.state(run, "docs") == JobState::not_selected);
    CHECK(ci.state(run, "test") == JobState::ready);
}

TEST_CASE("the start fence: the first runner instance wins, another gets lease_lost",
          "[lifecycle][rule7]") {
    Fixture ci;
    ci.run({job("build")});
    auto lease = ci.claim();
    CHECK(ci.start(lease, "first"));
    CHECK(ci.start(lease, "second").error().code == Code::lease_lost);
    CHECK(ci.start(lease, "first"));
}

TEST_CASE("a lease that expires un-started goes back to ready and costs no retry",
          "[lifecycle][rule7]") {
    Fixture ci;
    const auto run = ci.run({job("build").retried("infra", 0)});
    auto first = ci.claim();
    ci.pass(32s);
    CHECK(ci.state(run, "build") == JobState::ready);
    CHECK(ci.start(first).error().code == Code::lease_lost);
    auto second = ci.claim();
    CHECK(second.epoch == 2);
    ci.start(second).value();
    CHECK(ci.finish(second, passed()).value() == JobState::passed);
}

TEST_CASE("an expired lease cannot finish the job once a newer one was leased",
          "[lifecycle][rule12]") {
    Fixture ci;
    const auto run = ci.run({job("build")});
    auto first = ci.started("r1");
    ci.pass(62s);
    CHECK(ci.state(run, "build") == JobState::ready);
    ci.pass(5s);  // the back-off
    auto second = ci.claim();
    ci.start(second, "r2").value();
    CHECK(ci.finish(first, passed()).error().code == Code::lease_lost);
    CHECK(ci.finish(second, passed(), "d2", "r2").value() == JobState::passed);
}

TEST_CASE("a lost newest attempt may revive while no newer one was leased", "[lifecycle][rule8]") {
    Fixture ci;
    const auto run = ci.run({job("build")});
    auto lease = ci.started();
    ci.pass(62s);
    REQUIRE(ci.state(run, "build") == JobState::ready);
    CHECK(ci.finish(lease, passed()).value() == JobState::passed);
    CHECK(ci.run_state(run) == RunState::passed);
}

TEST_CASE(
    "a job that isn't replayable stays running when its agent is out of contact, and accepts a "
    "late finish",
    "[lifecycle][rule8]") {
    Fixture ci;
    const auto run = ci.run({job("deploy").not_replayable()});
    auto lease = ci.started();
    ci.pass(3600s);
    CHECK(ci.state(run, "deploy") == JobState::running);
    CHECK(ci.job_row(run, "deploy").wait_reason ==
          "its agent is out of contact; the job may still be running");
    CHECK(ci.claim(Fixture::ClaimOptions{}).empty());
    CHECK(ci.finish(lease, passed()).value() == JobState::passed);
}

TEST_CASE("infra retries are counted by cause and end as errored with that cause", "[lifecycle]") {
    Fixture ci;
    const auto run = ci.run({job("build").retried("infra", 1)});
    ci.finish(ci.started(), errored(model::Cause::runner_lost)).value();
    CHECK(ci.state(run, "build") == JobState::ready);
    CHECK(ci.claim(Fixture::ClaimOptions{}).empty());  // back-off first
    ci.pass(5s);
    CHECK(ci.finish(ci.started(), errored(model::Cause::runner_lost)).value() == JobState::errored);
    CHECK(ci.job_row(run, "build").cause == model::Cause::runner_lost);
    CHECK(ci.run_state(run) == RunState::errored);
}

TEST_CASE("a script's failure is not retried unless asked for", "[lifecycle]") {
    Fixture ci;
    const auto run = ci.run({job("test")});
    CHECK(ci.finish(ci.started(), failed(3)).value() == JobState::failed);
    CHECK(ci.job_row(run, "test").exit_code == 3);
    CHECK(ci.job_row(run, "test").cause == model::Cause::script);
}

TEST_CASE("service time stands still while nothing ticks, so a stopped server keeps its leases",
          "[lifecycle][rule9]") {
    Fixture ci;
    const auto run = ci.run({job("build")});
    ci.started();
    ci.clock.advance(90s);  // SIGSTOP of the server, or a suspended machine
    ci.pass(1s);
    CHECK(ci.state(run, "build") == JobState::running);
    ci.clock.advance(24h);
    ci.pass(1s);
    CHECK(ci.state(run, "build") == JobState::running);
}

TEST_CASE("a claim whose answer was lost gives its leases back to the next claim",
          "[scheduler][rule10]") {
    Fixture ci;
    const auto run = ci.run({job("build")});
    auto lost = ci.claim();
    auto again = ci.claim();  // the agent holds nothing
    CHECK(again.attempt != lost.attempt);
    CHECK(again.epoch == 2);
    CHECK(ci.state(run, "build") == JobState::ready);
}

TEST_CASE("an un-started lease that the agent holds stays its own", "[scheduler][rule10]") {
    Fixture ci;
    ci.run({job("build")});
    auto lease = ci.claim();
    CHECK(ci.claim({.holding = {lease.attempt}}).empty());
    CHECK(ci.start(lease));
}

TEST_CASE("a lower seq is refused and a superseded session must stop", "[scheduler][rule10]") {
    Fixture ci;
    ci.claim({.seq = 5});
    CHECK(ci.try_claim({.seq = 4}).error().id == "seq_too_low");
    CHECK(ci.try_claim({.session = "s2", .seq = 1}));
    CHECK(ci.try_claim({.session = "s1", .seq = 6}).error().id == "session_superseded");
    CHECK(ci.try_claim({.session = "s2", .seq = 2}));
}

TEST_CASE("the transaction that makes a job ready leases it to a parked claim", "[scheduler]") {
    Fixture ci;
    ci.run({job("a"), job("b").after("a")});
    auto first = ci.started();
    CHECK(ci.claim({.holding = {first.attempt}, .park = true}).empty());
    auto waiting = ci.parked;
    ci.finish(first, passed()).value();
    REQUIRE(ci.scheduler.state(waiting) == core::ParkedClaim::State::answered);
    auto jobs = ci.scheduler.take(waiting);
    REQUIRE(jobs.size() == 1);
    CHECK(jobs[0].spec.id == "b");
    CHECK(ci.start(jobs[0]));
}

TEST_CASE("a parked claim takes as many jobs as it has free slots and only matching ones",
          "[scheduler]") {
    Fixture ci;
    ci.claim({.free = 2, .labels = {"os=linux"}, .park = true});
    auto waiting = ci.parked;
    ci.run({job("gpu").on("gpu"), job("x"), job("y").on("os=linux"), job("z")});
    auto jobs = ci.scheduler.take(waiting);
    REQUIRE(jobs.size() == 2);
    CHECK(jobs[0].spec.id == "x");
    CHECK(jobs[1].spec.id == "y");
}

TEST_CASE("a job that no agent can run says what it waits for", "[scheduler]") {
    Fixture ci;
    const auto run = ci.run({job("train").on("gpu").on("zone=eu")});
    CHECK(ci.claim(Fixture::ClaimOptions{}).empty());
    CHECK(ci.job_row(run, "train").wait_reason == "waiting for an agent with gpu,zone=eu");
}

TEST_CASE("a closure that is undone gives the parked claim back", "[scheduler]") {
    Fixture ci;
    ci.claim({.park = true});
    auto waiting = ci.parked;
    core::NewRun fresh;
    fresh.project = ci.project;
    fresh.event.sha = std::string(40, 'a');
    fresh.plan.emplace();
    fresh.plan->jobs.push_back(job("a").planned);
    auto refused = ci.attempt_write([&](store::Tx& tx) -> Result<> {
        ci.lifecycle.create_run(tx, fresh);
        return error(Code::conflict, "no", "no");
    });
    CHECK_FALSE(refused);
    CHECK(ci.scheduler.state(waiting) == core::ParkedClaim::State::parked);
    CHECK(ci.leases.size() == 0);
    ci.run({job("b")});
    CHECK(ci.scheduler.take(waiting).size() == 1);
}

TEST_CASE("cancelling a run cancels what waits at once and asks what runs to stop",
          "[lifecycle][rule11]") {
    Fixture ci;
    const auto run =
        ci.run({job("a"), job("b").after("a"), job("always").after("b").when(model::When::always)});
    auto lease = ci.started();
    REQUIRE(
        ci.attempt_write([&](store::Tx& tx) { return ci.lifecycle.cancel_run(tx, run, "ann"); }));
    CHECK(ci.state(run, "b") == JobState::cancelled);
    CHECK(ci.state(run, "always") == JobState::cancelled);
    CHECK(ci.state(run, "a") == JobState::running);
    CHECK(ci.leases.find(lease.attempt)->cancel);
    CHECK(ci.finish(lease, cancelled()).value() == JobState::cancelled);
    CHECK(ci.run_state(run) == RunState::cancelled);
}

TEST_CASE("a pass that races a cancel stays passed", "[lifecycle][rule11]") {
    Fixture ci;
    const auto run = ci.run({job("a")});
    auto lease = ci.started();
    REQUIRE(
        ci.attempt_write([&](store::Tx& tx) { return ci.lifecycle.cancel_run(tx, run, "ann"); }));
    CHECK(ci.finish(lease, passed()).value() == JobState::passed);
}

TEST_CASE("a leased job that isn't replayable ends with its cancel and refuses its start",
          "[lifecycle][rule11]") {
    Fixture ci;
    const auto run = ci.run({job("a").not_replayable()});
    auto lease = ci.claim();
    REQUIRE(
        ci.attempt_write([&](store::Tx& tx) { return ci.lifecycle.cancel_run(tx, run, "ann"); }));
    CHECK(ci.state(run, "a") == JobState::cancelled);
    CHECK(ci.start(lease).error().code == Code::lease_lost);
}

TEST_CASE("a leased job that may have begun is asked to stop, and its runner has the last word",
          "[lifecycle][rule11]") {
    Fixture ci;
    const auto run = ci.run({job("a")});
    auto lease = ci.claim();
    REQUIRE(
        ci.attempt_write([&](store::Tx& tx) { return ci.lifecycle.cancel_run(tx, run, "ann"); }));
    CHECK(ci.state(run, "a") == JobState::ready);
    CHECK(ci.leases.find(lease.attempt)->cancel);
    SECTION("its start is accepted, its finish counts") {
        REQUIRE(ci.start(lease));
        CHECK(ci.finish(lease, cancelled()).value() == JobState::cancelled);
    }
    SECTION("its finish may come without a start") {
        CHECK(ci.finish(lease, cancelled()).value() == JobState::cancelled);
    }
    SECTION("a lease that ends un-started is not queued again") {
        ci.write([&](store::Tx& tx) -> Result<bool> {
            return ci.scheduler.give_back(tx, lease.attempt);
        });
        CHECK(ci.state(run, "a") == JobState::cancelled);
        CHECK(ci.job_row(run, "a").message == "cancelled by ann");
    }
    CHECK(ci.run_state(run) == RunState::cancelled);
}

TEST_CASE("an equal finish gets the same answer, another one a conflict with the recorded result",
          "[lifecycle][rule12]") {
    Fixture ci;
    ci.run({job("a")});
    auto lease = ci.started();
    CHECK(ci.finish(lease, passed(), "same").value() == JobState::passed);
    CHECK(ci.finish(lease, passed(), "same").value() == JobState::passed);
    auto other = ci.finish(lease, failed(), "other");
    CHECK(other.error().id == "finish_conflict");
    CHECK(other.error().message.find("passed") != std::string::npos);
}

TEST_CASE("a runner other than the one that started cannot finish", "[lifecycle][rule12]") {
    Fixture ci;
    ci.run({job("a")});
    auto lease = ci.started("r1");
    CHECK(ci.finish(lease, passed(), "d", "r2").error().code == Code::lease_lost);
}

TEST_CASE("a retry run carries passed jobs over by reference", "[lifecycle]") {
    Fixture ci;
    const auto first = ci.run({job("a"), job("b").after("a")});
    ci.finish(ci.started(), passed()).value();
    ci.finish(ci.started(), failed()).value();
    core::NewRun fresh;
    fresh.project = ci.project;
    fresh.event.sha = std::string(40, 'a');
    fresh.event.branch = "main";
    fresh.plan.emplace();
    fresh.plan->jobs.push_back(job("a").planned);
    fresh.plan->jobs.push_back(job("b").after("a").planned);
    fresh.retry_of = first;
    fresh.carry_passed = true;
    const auto second = ci.write(
        [&](store::Tx& tx) -> Result<RunId> { return ci.lifecycle.create_run(tx, fresh); });
    CHECK(ci.state(second, "a") == JobState::passed);
    CHECK(ci.job_row(second, "a").carried_from == ci.job_row(first, "a").id.value);
    CHECK(ci.state(second, "b") == JobState::ready);
}

TEST_CASE("a run without plan ends at once as errored with its reason", "[lifecycle]") {
    Fixture ci;
    core::NewRun broken;
    broken.project = ci.project;
    broken.event.sha = std::string(40, 'b');
    broken.reason = "config: .ci.yml:3:1: error: unknown key";
    const auto run = ci.write(
        [&](store::Tx& tx) -> Result<RunId> { return ci.lifecycle.create_run(tx, broken); });
    CHECK(ci.run_state(run) == RunState::errored);
}

TEST_CASE("every state change appends an event in its transaction", "[lifecycle]") {
    Fixture ci;
    const auto run = ci.run({job("a")});
    ci.finish(ci.started(), passed()).value();
    auto events = ci.feed.after({}, 100).value();
    std::vector<std::string> told;
    for (auto& event : events) told.push_back(event.type + " " + event.state);
    CHECK(told == std::vector<std::string>{"run.created active", "job.changed running",
                                           "job.changed passed", "run.finished passed"});
    CHECK(events.back().run == run);
}

TEST_CASE("a held run starts nothing before someone approves it", "[lifecycle]") {
    Fixture ci;
    core::NewRun fresh;
    fresh.project = ci.project;
    fresh.event.sha = std::string(40, 'a');
    fresh.hold = "from a fork";
    fresh.plan.emplace();
    fresh.plan->jobs.push_back(job("a").planned);
    fresh.plan->jobs.push_back(job("b").after("a").planned);
    const auto run = ci.write(
        [&](store::Tx& tx) -> Result<RunId> { return ci.lifecycle.create_run(tx, fresh); });
    CHECK(ci.state(run, "a") == JobState::held);
    CHECK(ci.job_row(run, "a").wait_reason == "from a fork");
    CHECK(ci.claim(Fixture::ClaimOptions{}).empty());
    REQUIRE(
        ci.attempt_write([&](store::Tx& tx) { return ci.lifecycle.approve_run(tx, run, "ann"); }));
    ci.finish(ci.started(), passed()).value();
    CHECK(ci.state(run, "b") == JobState::ready);
    CHECK(ci.attempt_write([&](store::Tx& tx) { return ci.lifecycle.approve_run(tx, run, "ann"); })
              .error()
              .id == "nothing_held");
}
