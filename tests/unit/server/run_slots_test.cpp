// Runs that share a slot as a whole, and limits on waiting in the queue.
#include "tests/unit/server/ci_fixture.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using model::ConcurrencyPolicy;
using model::JobState;
using model::RunState;

namespace {

RunId run_in_group(Fixture& ci, ConcurrencyPolicy policy, std::string hold = "",
                   std::vector<JobBuilder> jobs = {}) {
    if (jobs.empty()) jobs.push_back(job("a"));
    core::NewRun fresh;
    fresh.project = ci.project;
    fresh.event.sha = std::string(40, 'a');
    fresh.event.branch = "main";
    fresh.concurrency = model::Concurrency{"deploy", policy, 1};
    fresh.hold = std::move(hold);
    fresh.plan.emplace();
    for (auto& builder : jobs) fresh.plan->jobs.push_back(std::move(builder.planned));
    return ci.write(
        [&](store::Tx& tx) -> Result<RunId> { return ci.lifecycle.create_run(tx, fresh); });
}

Result<> approve(Fixture& ci, RunId run) {
    return ci.attempt_write(
        [&](store::Tx& tx) { return ci.lifecycle.approve_run(tx, run, "ada"); });
}

JobBuilder impatient(std::string id, Duration queue) {
    auto made = job(std::move(id));
    made.planned.spec.queue_timeout = queue;
    return made;
}

void give_up(Fixture& ci) {
    if (!ci.lifecycle.queue_over()) return;
    ci.write([&](store::Tx& tx) -> Result<bool> {
        ci.lifecycle.expire_queued(tx);
        return true;
    });
}

}  // namespace

TEST_CASE("runs of a group go one after the other, whatever their jobs are", "[slots][runs]") {
    Fixture ci;
    std::vector<JobBuilder> chain;
    chain.push_back(job("a"));
    chain.push_back(job("b").after("a"));
    const auto first = run_in_group(ci, ConcurrencyPolicy::queue, "", std::move(chain));
    const auto second = run_in_group(ci, ConcurrencyPolicy::queue);
    CHECK(ci.state(first, "a") == JobState::ready);
    CHECK(ci.job_row(second, "a").wait_reason ==
          "waiting for a slot of group deploy, held by run #1");
    ci.finish(ci.started(), passed()).value();
    CHECK(ci.state(second, "a") == JobState::waiting);
    ci.finish(ci.started(), passed()).value();
    CHECK(ci.run_state(first) == RunState::passed);
    CHECK(ci.state(second, "a") == JobState::ready);
}

TEST_CASE("cancel_running ends the older run and starts when it has ended", "[slots][runs]") {
    Fixture ci;
    const auto first = run_in_group(ci, ConcurrencyPolicy::cancel_running);
    const auto lease = ci.started();
    const auto second = run_in_group(ci, ConcurrencyPolicy::cancel_running);
    CHECK(ci.state(second, "a") == JobState::waiting);
    ci.finish(lease, cancelled()).value();
    CHECK(ci.run_state(first) == RunState::cancelled);
    CHECK(ci.state(second, "a") == JobState::ready);
}

TEST_CASE("a held run asks for its slot when it is approved", "[slots][runs]") {
    Fixture ci;
    const auto held = run_in_group(ci, ConcurrencyPolicy::queue, "from a fork");
    CHECK(ci.state(held, "a") == JobState::held);
    const auto other = run_in_group(ci, ConcurrencyPolicy::queue);
    CHECK(ci.state(other, "a") == JobState::ready);
    SECTION("while the slot is taken it waits") {
        CHECK(approve(ci, held));
        CHECK(ci.state(held, "a") == JobState::held);
        CHECK(ci.job_row(held, "a").wait_reason == "approved by ada, the run waits for a slot");
        ci.finish(ci.started(), passed()).value();
        CHECK(ci.state(held, "a") == JobState::ready);
    }
    SECTION("else it goes on at once") {
        ci.finish(ci.started(), passed()).value();
        CHECK(approve(ci, held));
        CHECK(ci.state(held, "a") == JobState::ready);
        CHECK(ci.job_row(held, "a").wait_reason == "waiting for an agent");
    }
}

TEST_CASE("a job that no agent takes in time is given up", "[lifecycle][queue]") {
    Fixture ci;
    std::vector<JobBuilder> jobs;
    jobs.push_back(impatient("a", 5min));
    jobs.push_back(job("b").after("a"));
    const auto run = ci.run(std::move(jobs));
    ci.pass(299s);
    give_up(ci);
    CHECK(ci.state(run, "a") == JobState::ready);
    ci.pass(2s);
    give_up(ci);
    CHECK(ci.state(run, "a") == JobState::errored);
    const auto row = ci.job_row(run, "a");
    CHECK(row.cause == model::Cause::timeout);
    CHECK(row.message ==
          "no agent took the job within 5m (`timeout.queue`); it was waiting for an agent");
    CHECK(ci.state(run, "b") == JobState::blocked);
    CHECK(ci.run_state(run) == RunState::errored);
    CHECK_FALSE(ci.lifecycle.queue_over());
}

TEST_CASE("the time in the queue ends with the lease, and does not count for a slot",
          "[lifecycle][queue]") {
    Fixture ci;
    std::vector<JobBuilder> first, second;
    first.push_back(impatient("a", 5min));
    second.push_back(impatient("a", 5min));
    for (auto* jobs : {&first, &second})
        jobs->front().planned.spec.concurrency = model::Concurrency{"g"};
    ci.run(std::move(first));
    const auto waiting = ci.run(std::move(second));
    const auto lease = ci.started();
    ci.pass(55s);  // the lease lives
    ci.clock.advance(10min);
    give_up(ci);
    CHECK(ci.state(waiting, "a") == JobState::ready);
    ci.finish(lease, passed()).value();
    ci.pass(301s);
    give_up(ci);
    CHECK(ci.state(waiting, "a") == JobState::errored);
}

TEST_CASE("an exit code has retries of its own, with the back-off of the file", "[lifecycle]") {
    Fixture ci;
    auto flaky = job("a");
    flaky.planned.spec.retry_exit_codes = {{75, 2}};
    flaky.planned.spec.backoff = model::Backoff{30s, 2, 45s};
    std::vector<JobBuilder> jobs;
    jobs.push_back(std::move(flaky));
    const auto run = ci.run(std::move(jobs));
    CHECK(ci.finish(ci.started(), failed(75)).value() == JobState::ready);
    CHECK(ci.job_row(run, "a").wait_reason ==
          "attempt 1 ended by exit code 75; retry 1 of 2 in 30s");
    ci.pass(29s);
    CHECK(ci.claim({}).empty());
    ci.pass(2s);
    CHECK(ci.finish(ci.started(), failed(75)).value() == JobState::ready);
    CHECK(ci.job_row(run, "a").wait_reason ==
          "attempt 2 ended by exit code 75; retry 2 of 2 in 45s");
    ci.pass(46s);
    CHECK(ci.finish(ci.started(), failed(75)).value() == JobState::failed);
    const auto other = ci.run({[] {
        auto made = job("a");
        made.planned.spec.retry_exit_codes = {{75, 2}};
        return made;
    }()});
    CHECK(ci.finish(ci.started(), failed(1)).value() == JobState::failed);
    CHECK(ci.run_state(other) == RunState::failed);
}
