// How jobs are stopped, and that nothing of them stays.

#include "tests/unit/agent/runner_bench.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("a job over its time is stopped, always-steps still run", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo begin; sleep 60", "echo never", "echo cleanup"});
    job.spec.timeout = Duration{300};
    job.spec.steps[2].when = model::When::always;
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::failed);
    CHECK(attempt.finish->outcome.cause == model::Cause::timeout);
    CHECK(attempt.finish->outcome.message == "the job took longer than 300ms");
    CHECK(has(attempt.log, "cleanup"));
    CHECK_FALSE(has(attempt.log, "never"));
}

TEST_CASE("a step over its time fails with cause timeout", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"sleep 60"});
    job.spec.steps[0].timeout = Duration{200};
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.cause == model::Cause::timeout);
    CHECK(attempt.finish->outcome.message == "step \"step 1\": timed out after 200ms");
}

TEST_CASE("a cancel ends a running job at once", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo running; sleep 60"});
    pid_t pid = bench.start(bench.place(job));
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "running"); }));
    auto begin = std::chrono::steady_clock::now();
    bench.server.cancel(job.attempt);
    bench.wait(pid);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::cancelled);
    CHECK(attempt.finish->outcome.cause == model::Cause::cancelled);
    CHECK(attempt.finish->outcome.message == "cancelled by a test");
}

TEST_CASE("a lost lease ends a job without a report and leaves nothing", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo running; sleep 60"});
    files::Path dir = bench.place(job);
    pid_t pid = bench.start(dir);
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "running"); }));
    bench.server.lose(job.attempt);
    bench.wait(pid);
    CHECK(bench.server.attempt(job.attempt).finishes == 0);
    CHECK_FALSE(std::filesystem::exists(dir));
}

TEST_CASE("processes that daemonise do not outlive their job", "[runner]") {
    Bench bench;
    auto job = bench.server.job(
        {"(setsid sleep 1000 >/dev/null 2>&1 &) ; setsid sh -c 'trap \"\" TERM; (sleep 1000 &) ; "
         "sleep 1000' "
         ">/dev/null 2>&1 & env -i setsid sleep 1000 >/dev/null 2>&1 & sleep 0.1; echo done"});
    files::Path dir = bench.place(job);
    bench.wait(bench.start(dir));
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
    CHECK(survivors(dir) == 0);
}

TEST_CASE("a background process that keeps the output open delays a step by five seconds only",
          "[runner][slow]") {
    Bench bench;
    auto job = bench.server.job({"sleep 1000 & echo first", "echo second"});
    files::Path dir = bench.place(job);
    auto begin = std::chrono::steady_clock::now();
    bench.wait(bench.start(dir));
    auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took > std::chrono::seconds(4));
    CHECK(took < std::chrono::seconds(9));
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    CHECK(has(attempt.log, "a background process keeps the step's output open"));
    CHECK(has(attempt.log, "second\n"));
    CHECK(survivors(dir) == 0);
}

TEST_CASE("a second runner on one folder leaves it alone", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo once; while [ ! -e go ]; do sleep 0.02; done"});
    files::Path dir = bench.place(job);
    pid_t first = bench.start(dir);
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "once"); }));
    CHECK(bench.wait(bench.start(dir)).code == 3);
    CHECK(bench.wait(bench.start(dir, true)).code == 3);
    REQUIRE(files::write_atomic(dir / "workspace" / "go", "", 0644, false).has_value());
    CHECK(bench.wait(first).ok());
    CHECK(bench.server.attempt(job.attempt).log == "once\n");
}

TEST_CASE("a cancel also comes with the answer to a piece of log", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"while true; do echo x; sleep 0.01; done"});
    pid_t pid = bench.start(bench.place(job));
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "x"); }));
    bench.server.cancel(job.attempt);
    bench.wait(pid);
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::cancelled);
}

TEST_CASE("a step that ignores SIGTERM is killed after the grace", "[runner][slow]") {
    Bench bench;
    auto job = bench.server.job({"trap '' TERM; echo ready; while true; do sleep 0.05; done"});
    pid_t pid = bench.start(bench.place(job));
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "ready"); }));
    bench.server.cancel(job.attempt);
    auto begin = std::chrono::steady_clock::now();
    bench.wait(pid);
    auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took > std::chrono::seconds(9));
    CHECK(took < std::chrono::seconds(18));
    CHECK(bench.server.attempt(job.attempt).finish->outcome.result ==
          model::AttemptResult::cancelled);
}

TEST_CASE("a pass that races a cancel stays passed", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo a; sleep 0.3"});
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/finish")) bench.server.cancel(job.attempt);
        return std::nullopt;
    };
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
}
