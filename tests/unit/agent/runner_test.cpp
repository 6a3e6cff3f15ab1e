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

TEST_CASE("a missing command fails the step and says so", "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(bench.server.job({"no-such-command --please"}));
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::failed);
    CHECK(attempt.finish->outcome.exit_code == 127);
    CHECK(has(attempt.finish->outcome.message, "command not found"));
    CHECK(has(attempt.log, "no-such-command: command not found"));
}

TEST_CASE("a shell that is not installed or not known is an error of the set-up, never a pass",
          "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo hi"});
    job.spec.steps[0].shell = "fish";
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::errored);
    CHECK(attempt.finish->outcome.cause == model::Cause::setup);
    CHECK(attempt.finish->steps[0].state == model::StepState::errored);
    CHECK(has(attempt.log, "shell: fish is not known; use bash, sh or python"));
}

TEST_CASE("a pipe's first failure and an unset errexit fail the default shell", "[runner]") {
    Bench bench;
    CHECK(bench.run(bench.server.job({"false | true"})).finish->outcome.exit_code == 1);
    CHECK_FALSE(has(bench.run(bench.server.job({"false\necho after"})).log, "after"));
    auto python =
        bench.server.job({"import os\nprint('py', os.getcwd() == os.environ['CI_WORKSPACE'])"});
    python.spec.steps[0].shell = "python";
    CHECK(bench.run(python).log == "py True\n");
}

TEST_CASE("a script too long for an argument runs from a file", "[runner]") {
    Bench bench;
    FakeAttempt attempt =
        bench.run(bench.server.job({"# " + std::string(200'000, 'x') + "\necho long"}));
    CHECK(attempt.log == "long\n");
}

TEST_CASE("a step's environment is made from scratch", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"env"});
    job.spec.env = {{"FROM_JOB", "job"}, {"BOTH", "job"}, {"CI_FAKE", "no"}, {"CI", "no"}};
    job.spec.steps[0].env = {{"BOTH", "step"}, {"DOLLAR", "$HOME"}};
    FakeAttempt attempt = bench.run(job);
    std::string log = "\n" + attempt.log;
    CHECK(has(log, "\nFROM_JOB=job\n"));
    CHECK(has(log, "\nBOTH=step\n"));
    CHECK(has(log, "\nDOLLAR=$HOME\n"));
    CHECK(has(log, "\nCI=true\n"));
    CHECK(has(log, "\nCI_RUN_ID=1\n"));
    CHECK(has(log, "\nCI_WORKSPACE=" + (bench.agent / "attempts").string()));
    CHECK(has(log, "\nPATH="));
    CHECK_FALSE(has(log, "CI_FAKE"));
    CHECK_FALSE(has(log, "SECRET_OF_THE_AGENT"));
    CHECK_FALSE(has(log, "lease-"));
}

TEST_CASE("steps hand on variables by CI_ENV and outputs by CI_OUTPUT", "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(
        bench.server.job({"echo COLOUR=red >> $CI_ENV; printf 'TEXT<<END\\n\\na\\nb\\nEND\\n' >> "
                          "$CI_ENV; echo CI_X=1 >> $CI_ENV",
                          "echo \"$COLOUR-$TEXT-$CI_X.\"; echo image=abc >> $CI_OUTPUT; echo "
                          "nonsense >> $CI_OUTPUT"}));
    CHECK(has(attempt.log, "red-\na\nb-.\n"));
    CHECK(has(attempt.log, "sluice: CI_ENV: CI_X is reserved and was not set"));
    CHECK(has(attempt.log, "sluice: CI_OUTPUT: line 2: expected name=value or name<<END"));
    CHECK(attempt.finish->outputs == std::map<std::string, std::string>{{"image", "abc"}});
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
}

TEST_CASE("a step's folder must stay in the workspace", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"mkdir sub; ln -s / out", "pwd", "pwd"});
    job.spec.steps[1].working_directory = "sub";
    job.spec.steps[2].working_directory = "out/etc";
    FakeAttempt attempt = bench.run(job);
    CHECK(has(attempt.log, "/workspace/sub\n"));
    CHECK(has(attempt.log, "working_directory: out/etc leaves the workspace"));
    CHECK(attempt.finish->outcome.result == model::AttemptResult::errored);
    CHECK(attempt.finish->outcome.cause == model::Cause::config);
}

TEST_CASE("when and allow_failure decide by what came before", "[runner]") {
    Bench bench;
    auto job =
        bench.server.job({"exit 7", "exit 8", "echo on-failure", "echo always", "echo success"});
    job.spec.steps[0].allow_failure.exit_codes = {7};
    job.spec.steps[2].when = model::When::failure;
    job.spec.steps[3].when = model::When::always;
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    auto& steps = attempt.finish->steps;
    CHECK(steps[0].state == model::StepState::warned);
    CHECK(steps[1].state == model::StepState::failed);
    CHECK(steps[2].state == model::StepState::passed);
    CHECK(steps[3].state == model::StepState::passed);
    CHECK(steps[4].state == model::StepState::skipped);
    CHECK(attempt.finish->outcome.exit_code == 8);
    auto allowed = bench.server.job({"exit 7", "echo on"});
    allowed.spec.steps[0].allow_failure.any = true;
    CHECK(bench.run(allowed).finish->outcome.result == model::AttemptResult::passed);
}

TEST_CASE("a step's if is decided by the steps before it", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"exit 7", "echo yes", "echo no", "echo broken"});
    job.spec.steps[0].id = "probe";
    job.spec.steps[0].allow_failure.any = true;
    job.spec.steps[1].condition = "steps.probe.outcome == 'failed'";
    job.spec.steps[2].condition = "steps.probe.result == 'failed'";
    job.spec.steps[3].condition = "steps.";
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    INFO(attempt.log);
    CHECK(attempt.finish->steps[1].state == model::StepState::passed);
    CHECK(attempt.finish->steps[2].state == model::StepState::skipped);
    CHECK(attempt.finish->steps[3].state == model::StepState::errored);
    CHECK(attempt.finish->outcome.cause == model::Cause::config);
}

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

namespace {
/// Processes whose environment has CI_JOB_NAME=test and this run's workspace.
int survivors(const files::Path& dir) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        auto env = files::read_file(entry.path() / "environ");
        if (env && has(*env, "CI_WORKSPACE=" + dir.string())) ++count;
    }
    return count;
}
}  // namespace

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

TEST_CASE("junit reports are read, and what is missing is a problem, not a failure", "[runner]") {
    Bench bench;
    auto job = bench.server.job(
        {"mkdir -p out; echo '<testsuite name=\"s\"><testcase name=\"a\"/><testcase name=\"b\">"
         "<failure message=\"boom\"/></testcase></testsuite>' > out/r.xml"});
    job.spec.reports = {
        {"junit", {"out/*.xml"}}, {"junit", {"missing.xml"}}, {"junit", {"../../job.json"}}};
    FakeAttempt attempt = bench.run(job);
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
    REQUIRE(attempt.finish->reports.tests);
    CHECK(attempt.finish->reports.tests->total == 2);
    CHECK(attempt.finish->reports.tests->failed == 1);
    REQUIRE(attempt.finish->reports.problems.size() == 2);
    CHECK(has(attempt.finish->reports.problems[0], "missing.xml: No such file or directory"));
    CHECK(has(attempt.finish->reports.problems[1], "../../job.json"));
}

TEST_CASE("image and artifacts are named as not supported, once", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo x"});
    job.spec.image = "python:3.11";
    job.spec.artifacts = {{"a", {"*.txt"}, std::nullopt, model::UploadWhen::always}};
    FakeAttempt attempt = bench.run(job);
    CHECK(has(attempt.log,
              "sluice: image: python:3.11 is not used: this agent runs steps on the host\n"));
    CHECK(has(attempt.log,
              "sluice: artifacts: this agent does not upload artifacts yet; none are kept\n"));
}

TEST_CASE("a job with source runs in a checkout of its commit", "[runner]") {
    Bench bench;
    TemporaryFolder repository;
    auto made = spawn::run(
        {"/bin/sh", "-ec",
         "git init -q -b main; echo hello > file; git add file;"
         "git -c user.name=a -c user.email=a@b.c commit -qm message; git rev-parse HEAD"},
        {.directory = repository.path});
    REQUIRE(made.has_value());
    REQUIRE(made->exit.ok());
    auto pack = spawn::run(
        {"/bin/sh", "-ec", "git rev-list --objects --no-walk HEAD | git pack-objects --stdout -q"},
        {.directory = repository.path, .merge_error = false});
    bench.server.pack = pack->output;
    auto job = bench.server.job({"cat file; git log -1 --format=%s; git status --porcelain"});
    job.source = job.spec.source = true;
    job.sha = made->output.substr(0, 40);
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.log == "hello\nmessage\n");
    job = bench.server.job({"echo never"});
    job.source = job.spec.source = true;
    FakeAttempt broken = bench.run(job);
    REQUIRE(broken.finish);
    CHECK(broken.finish->outcome.result == model::AttemptResult::errored);
    CHECK(broken.finish->outcome.cause == model::Cause::setup);
    CHECK(has(broken.log, "sluice: source: the source lacks its commit"));
    CHECK(broken.finish->steps[0].state == model::StepState::skipped);
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

TEST_CASE("a killed step is told from one that ended by itself", "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(bench.server.job({"kill -9 $$"}));
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.signal == SIGKILL);
    CHECK(attempt.finish->outcome.cause == model::Cause::script);
    CHECK(attempt.finish->outcome.message == "step \"step 1\": signal 9 (SIGKILL)");
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
    CHECK(has(journal, "\"exit_code\":9"));
}
