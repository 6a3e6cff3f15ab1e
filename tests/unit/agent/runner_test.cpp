// The runner as a process of its own (as the daemon starts it without a zygote), against the fake
// server.

#include "agent/attempt_folder.hpp"
#include "platform/spawn.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;

namespace {

const std::string k_agent = std::string(SLUICE_BIN_DIR) + "/sluice-agent";

/// One agent folder, one server, runners of the real program.
struct Bench {
    FakeServer server;
    TemporaryFolder agent;

    files::Path place(const protocol::ClaimedJob& job) {
        files::Path dir = agent / "attempts" / std::to_string(job.attempt.value);
        REQUIRE(agent::create_folder(dir, {.server = {server.url(), ""}, .job = job}).has_value());
        return dir;
    }
    pid_t start(const files::Path& dir, bool salvage = false) {
        std::vector<std::string> argv{k_agent, "run-job", dir.string()};
        if (salvage) argv.push_back("--salvage");
        auto env = spawn::current_environment();
        env["SECRET_OF_THE_AGENT"] = "x";
        return spawn::start(
                   {.argv = argv, .env = env, .directory = {}, .in = -1, .out = 2, .err = 2})
            .value();
    }
    spawn::Exit wait(pid_t pid) {
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        return spawn::exit_from_status(status);
    }
    /// Runs to the end and returns what the server knows.
    FakeAttempt run(const protocol::ClaimedJob& job) {
        files::Path dir = place(job);
        spawn::Exit exit = wait(start(dir));
        INFO(spawn::to_text(exit));
        CHECK_FALSE(std::filesystem::exists(dir));
        return server.attempt(job.attempt);
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a short job makes two requests, start and finish, and its log rides along", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo hello"});
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
    CHECK(attempt.log == "hello\n");
    CHECK(attempt.finish->inline_log == "hello\n");
    CHECK(bench.server.calls() ==
          std::vector<std::string>{"attempts/1/start", "attempts/1/finish"});
    REQUIRE(attempt.finish->steps.size() == 1);
    CHECK(attempt.finish->steps[0].state == model::StepState::passed);
    CHECK(attempt.finish->steps[0].log_end == 6);
}

TEST_CASE("a failing step fails the job with its exit code, and later steps are skipped",
          "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(bench.server.job({"echo one", "exit 3", "echo never"}));
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::failed);
    CHECK(attempt.finish->outcome.exit_code == 3);
    CHECK(attempt.finish->outcome.cause == model::Cause::script);
    CHECK(attempt.finish->outcome.message == "step \"step 2\": exit code 3");
    CHECK(attempt.finish->steps[2].state == model::StepState::skipped);
    CHECK_FALSE(has(attempt.log, "never"));
}
