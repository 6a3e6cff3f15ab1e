// What the runner does with steps: shells, environment, conditions, outcomes, reports.

#include "tests/unit/agent/runner_bench.hpp"

using namespace sluice;
using namespace sluice::test;

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
    auto job =
        bench.server.job({"echo COLOUR=red >> $CI_ENV; printf 'TEXT<<END\\n\\na\\nb\\nEND\\n' >> "
                          "$CI_ENV; echo CI_X=1 >> $CI_ENV",
                          "echo \"$COLOUR-$TEXT-$CI_X.\"; echo image=abc >> $CI_OUTPUT; echo "
                          "nonsense >> $CI_OUTPUT"});
    job.spec.outputs["image"] = {};
    FakeAttempt attempt = bench.run(job);
    CHECK(has(attempt.log, "red-\na\nb-.\n"));
    CHECK(has(attempt.log, "sluice: CI_ENV: CI_X is reserved and was not set"));
    CHECK(has(attempt.log, "sluice: CI_OUTPUT: line 2: expected name=value or name<<END"));
    CHECK(attempt.finish->outputs == std::map<std::string, std::string>{{"image", "abc"}});
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
}

TEST_CASE("only declared outputs are kept, in the form of their types", "[runner]") {
    Bench bench;
    auto job = bench.server.job(
        {"echo n=1.50 >> $CI_OUTPUT; echo odd=1 >> $CI_OUTPUT",
         "printf 'l<<END\\na\\nb\\nEND\\nn=2\\n' >> $CI_OUTPUT; echo s=it=is >> $CI_OUTPUT"});
    job.spec.outputs["n"].type = model::OutputType::number;
    job.spec.outputs["l"].type = model::OutputType::list;
    job.spec.outputs["s"].type = model::OutputType::string;
    job.spec.outputs["unwritten"].type = model::OutputType::string;
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.finish->outputs ==
          std::map<std::string, std::string>{{"n", "2"}, {"l", "[\"a\",\"b\"]"}, {"s", "it=is"}});
    CHECK(has(attempt.log,
              "sluice: CI_OUTPUT: `odd` is not declared in `outputs` of the job and "
              "was dropped"));
    CHECK(attempt.finish->outcome.result == model::AttemptResult::passed);
}

TEST_CASE(
    "an output of the wrong type fails the job, cause config, also where failures are allowed",
    "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo n=many >> $CI_OUTPUT", "echo not-run"});
    job.spec.steps[0].allow_failure.any = true;
    job.spec.outputs["n"].type = model::OutputType::number;
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.finish->outcome.result == model::AttemptResult::failed);
    CHECK(attempt.finish->outcome.cause == model::Cause::config);
    CHECK(has(attempt.finish->outcome.message, "output `n` is not a number: \"many\""));
    CHECK(attempt.finish->steps[0].state == model::StepState::failed);
    CHECK(attempt.finish->outputs.empty());
    CHECK_FALSE(has(attempt.log, "\nnot-run"));
}

TEST_CASE("a step that failed keeps its own cause, and its outputs", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo n=many >> $CI_OUTPUT; echo s=x >> $CI_OUTPUT; exit 3"});
    job.spec.outputs["n"].type = model::OutputType::number;
    job.spec.outputs["s"].type = model::OutputType::string;
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.finish->outcome.cause == model::Cause::script);
    CHECK(attempt.finish->outcome.exit_code == 3);
    CHECK(attempt.finish->outputs == std::map<std::string, std::string>{{"s", "x"}});
}

TEST_CASE("outputs of a job together have a limit", "[runner]") {
    Bench bench;
    std::string script;
    for (int i = 0; i < 5; ++i)
        script += "printf 's" + std::to_string(i) +
                  "=' >> $CI_OUTPUT; head -c 60000 /dev/zero | tr '\\0' x >> $CI_OUTPUT; echo >> "
                  "$CI_OUTPUT\n";
    auto job = bench.server.job({script});
    for (int i = 0; i < 5; ++i) job.spec.outputs["s" + std::to_string(i)] = {};
    FakeAttempt attempt = bench.run(job);
    CHECK(attempt.finish->outcome.cause == model::Cause::config);
    CHECK(has(attempt.finish->outcome.message,
              "the outputs of the job have 300000 bytes together, at most 262144"));
}

TEST_CASE("later steps read what earlier ones wrote, by if and env", "[runner]") {
    Bench bench;
    auto job = bench.server.job({"echo v=w >> $CI_OUTPUT; echo x=y >> $CI_OUTPUT",
                                 "echo \"got $V\"", "echo not-run", "true"});
    job.spec.steps[0].id = "one";
    job.spec.steps[1].condition = "(steps.one.outputs.v == 'w')";
    job.spec.steps[1].late_env["V"] = "<${{ steps.one.outputs.v }}>";
    job.spec.steps[2].condition = "(steps.one.outputs.v == 'z')";
    job.spec.steps[3].late_env["BAD"] = "${{ steps.one.outputs.gone }}";
    FakeAttempt attempt = bench.run(job);
    CHECK(has(attempt.log, "got <w>\n"));
    CHECK_FALSE(has(attempt.log, "\nnot-run\n"));
    // `v` is read, so it needs no declaration; `x` is read by nobody.
    CHECK_FALSE(has(attempt.log, "`v` is not declared"));
    CHECK(has(attempt.log, "`x` is not declared"));
    CHECK(attempt.finish->steps[2].state == model::StepState::skipped);
    CHECK(attempt.finish->outcome.cause == model::Cause::config);
    CHECK(has(attempt.finish->outcome.message, "env.BAD: `steps.one.outputs.gone` is null"));
    CHECK(attempt.finish->outputs.empty());
}

TEST_CASE("a step that says nothing costs no file", "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(bench.server.job({"ls -m $CI_WORKSPACE/.."}));
    CHECK(attempt.log == "job.json, journal, lock, spool, workspace\n");
}

TEST_CASE("only a regular file speaks for a step: a pipe would hang, a link could name a secret",
          "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(
        bench.server.job({"mkfifo $CI_ENV; ln -s $CI_WORKSPACE/../job.json $CI_OUTPUT", "true"}));
    CHECK(has(attempt.log, "sluice: CI_ENV: not a regular file"));
    CHECK(has(attempt.log, "sluice: CI_OUTPUT: open "));
    CHECK_FALSE(has(attempt.log, "lease_token"));
    CHECK(attempt.finish->outputs.empty());
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

TEST_CASE("without a container engine a job with an image does not run on the host", "[runner]") {
    Bench bench;
    files::write_new(bench.agent / "executors.json", R"({"container": {"engine": "none"}})")
        .value();
    auto job = bench.server.job({"echo ran"});
    job.spec.image = "python:3.11";
    FakeAttempt attempt = bench.run(job);
    CHECK_FALSE(has(attempt.log, "ran"));
    REQUIRE(attempt.finish.has_value());
    CHECK(attempt.finish->outcome.result == model::AttemptResult::errored);
    CHECK(attempt.finish->outcome.cause == model::Cause::setup);
    CHECK(attempt.finish->outcome.message ==
          "this agent's owner allows no containers, so it can't run jobs with an image");
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

TEST_CASE("a killed step is told from one that ended by itself", "[runner]") {
    Bench bench;
    FakeAttempt attempt = bench.run(bench.server.job({"kill -9 $$"}));
    REQUIRE(attempt.finish);
    CHECK(attempt.finish->outcome.signal == SIGKILL);
    CHECK(attempt.finish->outcome.cause == model::Cause::script);
    CHECK(attempt.finish->outcome.message == "step \"step 1\": signal 9 (SIGKILL)");
}

TEST_CASE("a job that generates brings what it wrote, and has failed when it wrote nothing",
          "[runner]") {
    Bench bench;
    const auto run = [&](const std::string& script) {
        auto job = bench.server.job({script});
        job.spec.generate = "out/jobs.yml";
        return *bench.run(job).finish;
    };
    const auto good = run("mkdir out; printf 'version: 1\\njobs: {}\\n' > out/jobs.yml");
    CHECK(good.outcome.result == model::AttemptResult::passed);
    CHECK(good.generated == "version: 1\njobs: {}\n");
    CHECK_FALSE(run("exit 1").generated);
    const std::pair<const char*, const char*> broken[] = {
        {"true", "generate: out/jobs.yml was not written"},
        {"mkdir out; head -c 300000 /dev/zero > out/jobs.yml",
         "generate: out/jobs.yml is larger than 256 KiB"},
        {"mkdir out; printf '\\377' > out/jobs.yml", "generate: out/jobs.yml is not UTF-8"},
        {"mkdir out; ln -s /etc/passwd out/jobs.yml", "generate: out/jobs.yml cannot be read: "}};
    for (const auto& [script, message] : broken) {
        const auto finish = run(script);
        CHECK_FALSE(finish.generated);
        CHECK(finish.outcome.result == model::AttemptResult::failed);
        CHECK(finish.outcome.cause == model::Cause::config);
        CHECK(finish.outcome.message.starts_with(message));
    }
}
