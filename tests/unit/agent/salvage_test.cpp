// What becomes of an attempt whose runner was killed.

#include "tests/unit/agent/runner_bench.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("salvage ends what a killed runner left, sends the spool and reports runner_lost",
          "[runner][salvage]") {
    Bench bench;
    auto job = bench.server.job({"echo evidence; setsid sleep 1000 & sleep 1000"});
    files::Path dir = bench.place(job);
    pid_t pid = bench.start(dir);
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "evidence"); }));
    ::kill(pid, SIGKILL);
    bench.wait(pid);
    CHECK(bench.wait(bench.start(dir, true)).ok());
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->salvaged);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::errored);
    CHECK(attempt.finish->outcome.cause == model::Cause::runner_lost);
    CHECK(attempt.finish->runner_instance == attempt.instance);
    CHECK(attempt.log == "evidence\n");
    CHECK(survivors(dir) == 0);
    CHECK_FALSE(std::filesystem::exists(dir));
}

TEST_CASE("salvage after a reboot reports agent_lost", "[runner][salvage]") {
    Bench bench;
    auto job = bench.server.job({"echo evidence; sleep 1000"});
    files::Path dir = bench.place(job);
    pid_t pid = bench.start(dir);
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "evidence"); }));
    ::kill(pid, SIGKILL);
    bench.wait(pid);
    auto identity = agent::load_identity({dir}).value();
    std::string marker = identity.marker;
    identity.boot_id = "another-boot";
    REQUIRE(agent::save_identity({dir}, identity).has_value());
    CHECK(bench.wait(bench.start(dir, true)).ok());
    CHECK(bench.server.attempt(job.attempt).finish->outcome.cause == model::Cause::agent_lost);
    // The sleeping step is still there, for no reboot happened; end it.
    identity.boot_id = "";
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        auto env = files::read_file(entry.path() / "environ");
        if (env && has(*env, "CI_ATTEMPT_MARKER=" + marker))
            ::kill(std::atoi(entry.path().filename().c_str()), SIGKILL);
    }
}

TEST_CASE("salvage gives an un-started lease back", "[runner][salvage]") {
    Bench bench;
    auto job = bench.server.job({"echo never"});
    files::Path dir = bench.place(job);
    CHECK(bench.wait(bench.start(dir, true)).ok());
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    CHECK(attempt.released);
    CHECK(attempt.finishes == 0);
    CHECK_FALSE(std::filesystem::exists(dir));
}

TEST_CASE("salvage sends the outcome that the dead runner had journalled", "[runner][salvage]") {
    Bench bench;
    auto job = bench.server.job({"echo result; exit 4"});
    files::Path dir = bench.place(job);
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/finish")) return FakeReply{503, "{}", {}, false};
        return std::nullopt;
    };
    pid_t pid = bench.start(dir);
    REQUIRE(eventually([&] {
        auto journal = files::read_file(dir / "journal");
        return journal && has(*journal, "\"outcome\"");
    }));
    ::kill(pid, SIGKILL);
    bench.wait(pid);
    bench.server.intercept = nullptr;
    CHECK(bench.wait(bench.start(dir, true)).ok());
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.exit_code == 4);
    CHECK(attempt.finish->salvaged);
    CHECK(attempt.log == "result\n");
}
