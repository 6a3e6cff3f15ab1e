// What reaches the server and how: start, log by offset, finish; through outages.

#include "tests/unit/agent/runner_bench.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("a short replayable job makes one request: finish, with its log, and the start with it",
          "[runner]") {
    // "Short" is a matter of 20 ms, which a busy machine may take for nothing at all; then start is
    // sent, too.
    for (int tries = 0; tries < 50; ++tries) {
        Bench bench;
        auto job = bench.server.job({"echo hello"});
        FakeAttempt attempt = bench.run(job);
        REQUIRE(attempt.finish);
        CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
        CHECK(attempt.log == "hello\n");
        REQUIRE(attempt.finish->steps.size() == 1);
        CHECK(attempt.finish->steps[0].state == model::StepState::passed);
        CHECK(attempt.finish->steps[0].log_end == 6);
        if (bench.server.calls() != std::vector<std::string>{"attempts/1/finish"}) continue;
        CHECK(attempt.finish->inline_log == "hello\n");
        return;
    }
    FAIL("no job of 50 was short");
}

TEST_CASE("a log over its limit is cut visibly and the job goes on", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"head -c 100000 /dev/zero | tr '\\0' x", "exit 0"});
    job.log_limit = 10'000;
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
    CHECK(attempt.log.size() <= 10'000);
    CHECK(has(attempt.log, "sluice: truncated@9872: the log limit is reached"));
}

TEST_CASE("a large log arrives whole, in order, by offset", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"seq 1 400000"});
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    std::string expected;
    for (int i = 1; i <= 400'000; ++i) expected += std::to_string(i) + "\n";
    CHECK(attempt.log == expected);
    CHECK(attempt.finish->log_size == static_cast<std::int64_t>(expected.size()));
}

TEST_CASE("a runner survives a server outage and resumes its log by offset", "[runner]") {
    Bench bench;
    auto job = bench.server.job(
        {"echo before; while [ ! -e go ]; do sleep 0.02; done; seq 1 50000; echo after"});
    files::Path dir = bench.place(job);
    pid_t pid = bench.start(dir);
    REQUIRE(eventually([&] { return has(bench.server.attempt(job.attempt).log, "before"); }));
    bench.server.go_down();
    REQUIRE(files::write_atomic(dir / "workspace" / "go", "", 0644, false).has_value());
    REQUIRE(eventually([&] {
        std::error_code ignored;
        return std::filesystem::file_size(dir / "spool", ignored) > 280'000;
    }));
    bench.server.come_up();
    bench.wait(pid);
    FakeAttempt attempt = bench.server.attempt(job.attempt);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
    CHECK(has(attempt.log, "\n50000\nafter\n"));
    CHECK(attempt.log.size() == static_cast<std::size_t>(attempt.finish->log_size));
}

TEST_CASE("the server's offset wins, up and down", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"seq 1 3; sleep 0.4; seq 4 6; sleep 0.2; seq 7 9"});
    std::atomic<int> calls{0};
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (!request.path.ends_with("/log")) return std::nullopt;
        // The first piece is taken but "lost" from the page cache: the server then has less than it
        // said.
        if (++calls == 1) return FakeReply{200, R"({"offset":6,"cancel":false})", {}, false};
        return std::nullopt;
    };
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.log == "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    REQUIRE(attempt.log_offsets.size() >= 2);
    CHECK(attempt.log_offsets[0] == 6);
    CHECK(attempt.log_offsets[1] == 0);
}

TEST_CASE("a log that differs at finish is sent again from where the server says", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo good; sleep 0.2"});
    std::atomic<bool> damaged{false};
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (!request.path.ends_with("/finish") || damaged.exchange(true)) return std::nullopt;
        return FakeReply{409, R"({"offset":2,"cancel":false})", {}, false};
    };
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->inline_log_offset == 2);
    CHECK(attempt.log == "good\n");
}

TEST_CASE("a lost start answer is repeated by the same instance", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo ok"});
    job.spec.replayable = false;
    std::atomic<int> starts{0};
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/start") && ++starts <= 2) return FakeReply{0, "", {}, true};
        return std::nullopt;
    };
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
    CHECK(starts == 3);
}

TEST_CASE("no command of a job that is not replayable runs before its start is answered",
          "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo ran > $HOME/evidence"});
    job.spec.replayable = false;
    job.spec.env["HOME"] = bench.agent.path.string();
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/start"))
            return FakeReply{409, R"({"error":"conflict","message":"x"})", {}, false};
        return std::nullopt;
    };
    FakeAttempt attempt = bench.run(job);
    CHECK_FALSE(attempt.finish);
    CHECK_FALSE(std::filesystem::exists(bench.agent / "evidence"));
}

TEST_CASE("a long job renews its lease and reports its steps", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo one", "while [ ! -e go ]; do sleep 0.02; done"});
    files::Path dir = bench.place(job);
    pid_t pid = bench.start(dir);
    CHECK(eventually([&] { return bench.server.attempt(job.attempt).renews > 0; }));
    CHECK(eventually([&] {
        auto steps = bench.server.attempt(job.attempt).progress;
        return steps.size() == 2 && steps[0].state == model::StepState::passed &&
               steps[1].state == model::StepState::running;
    }));
    REQUIRE(files::write_atomic(dir / "workspace" / "go", "", 0644, false).has_value());
    CHECK(bench.wait(pid).ok());
}

TEST_CASE("the outcome of a job that is not replayable is on the disk before it is sent",
          "[runner]") {
    Bench bench;
    auto job = bench.server.job({"exit 9"});
    job.spec.replayable = false;
    files::Path dir = bench.place(job);
    std::string journal;
    bench.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/finish")) journal = files::read_file(dir / "journal").value();
        return std::nullopt;
    };
    bench.wait(bench.start(dir));
    REQUIRE(bench.server.finished(job.attempt));  // also orders what its thread read before this
    CHECK(has(journal, "\"exit_code\":9"));
}
