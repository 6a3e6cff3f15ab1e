// The daemon as a process, with its zygote and runners, against the fake server.

#include "agent/attempt_folder.hpp"
#include "agent/config.hpp"
#include "platform/spawn.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include <set>

using namespace sluice;
using namespace sluice::test;

namespace {

const std::string k_agent = std::string(SLUICE_BIN_DIR) + "/sluice-agent";

/// An enrolled agent folder and the daemons that run on it; ends them with the test.
struct Site {
    FakeServer server;
    TemporaryFolder dir;
    std::set<pid_t> daemons;

    Site() {
        auto enrolled = spawn::run({k_agent, "enrol", "--server", server.url(), "--token", "t",
                                    "--dir", dir.path.string(), "--label", "gpu"});
        REQUIRE(enrolled.has_value());
        INFO(enrolled->output);
        REQUIRE(enrolled->exit.ok());
    }
    ~Site() {
        for (pid_t pid : std::set<pid_t>(daemons)) stop(pid, SIGKILL);
        // A test that failed half-way leaves runners; they end with their job's lease.
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(dir / "attempts", ignored))
            if (auto id = AttemptId::parse(entry.path().filename().string())) server.lose(*id);
        eventually([&] { return folders() == 0; });
    }
    pid_t start(int capacity = 2) {
        auto env = spawn::current_environment();
        pid_t pid = spawn::start({.argv = {k_agent, "run", "--dir", dir.path.string(), "--capacity",
                                           std::to_string(capacity)},
                                  .env = env,
                                  .directory = {},
                                  .in = -1,
                                  .out = 2,
                                  .err = 2})
                        .value();
        daemons.insert(pid);
        return pid;
    }
    spawn::Exit stop(pid_t pid, int signal) {
        ::kill(pid, signal);
        return wait(pid);
    }
    spawn::Exit wait(pid_t pid) {
        int status = 0;
        ::waitpid(pid, &status, 0);
        daemons.erase(pid);
        return spawn::exit_from_status(status);
    }
    std::size_t folders() {
        std::error_code ignored;
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(dir / "attempts", ignored), {}));
    }
    files::Path folder(const protocol::ClaimedJob& job) {
        return dir / ("attempts/" + std::to_string(job.attempt.value));
    }
};

/// Neither gone nor a zombie that waits for its new parent.
bool is_alive(pid_t pid) {
    auto stat = files::read_file("/proc/" + std::to_string(pid) + "/stat");
    return stat && (*stat)[stat->rfind(')') + 2] != 'Z';
}

}  // namespace

TEST_CASE("enrol keeps the identity in a file that only its owner reads", "[daemon]") {
    Site site;
    auto config = agent::load_config(site.dir.path);
    REQUIRE(config.has_value());
    CHECK(config->agent.value == 7);
    CHECK(config->token == "agent-token");
    CHECK(config->labels == std::vector<std::string>{"gpu"});
    auto permissions = std::filesystem::status(site.dir / "agent.json").permissions();
    CHECK(permissions ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("the daemon claims, runs and claims again", "[daemon]") {
    Site site;
    site.start(1);
    auto first = site.server.job({"echo one"}), second = site.server.job({"echo two"});
    site.server.enqueue(first);
    site.server.enqueue(second);
    REQUIRE(site.server.wait_finished(first.attempt));
    REQUIRE(site.server.wait_finished(second.attempt));
    CHECK(site.server.attempt(second.attempt).log == "two\n");
    auto claims = site.server.claims();
    for (std::size_t i = 1; i < claims.size(); ++i) {
        CHECK(claims[i].session == claims[0].session);
        CHECK(claims[i].seq == claims[i - 1].seq + 1);
    }
    CHECK(eventually([&] { return site.folders() == 0; }));
}

TEST_CASE("a second daemon on one folder refuses", "[daemon]") {
    Site site;
    site.start();
    REQUIRE(eventually([&] { return !site.server.claims().empty(); }));
    auto second = spawn::run({k_agent, "run", "--dir", site.dir.path.string()});
    REQUIRE(second.has_value());
    CHECK(second->exit.code == 3);
    CHECK(second->output.find("another sluice-agent runs on") != std::string::npos);
}

TEST_CASE("a folder without an agent says what to do", "[daemon]") {
    TemporaryFolder empty;
    auto daemon = spawn::run({k_agent, "run", "--dir", empty.path.string()});
    REQUIRE(daemon.has_value());
    CHECK(daemon->exit.code == 2);
    CHECK(daemon->output.find("run `sluice-agent enrol --server URL --token TOKEN --dir") !=
          std::string::npos);
}

TEST_CASE("a killed daemon's runners go on and the next daemon adopts them", "[daemon]") {
    Site site;
    pid_t first = site.start(1);
    auto job = site.server.job({"echo running; while [ ! -e go ]; do sleep 0.02; done; echo done"});
    site.server.enqueue(job);
    REQUIRE(eventually([&] { return site.server.attempt(job.attempt).log == "running\n"; }));
    site.stop(first, SIGKILL);
    std::size_t before = site.server.claims().size();
    site.start(1);
    REQUIRE(eventually([&] { return site.server.claims().size() > before; }));
    auto claim = site.server.claims().back();
    CHECK(claim.holding == std::vector<AttemptId>{job.attempt});
    CHECK(claim.free == 0);
    REQUIRE(
        files::write_atomic(site.folder(job) / "workspace" / "go", "", 0644, false).has_value());
    REQUIRE(site.server.wait_finished(job.attempt));
    CHECK(site.server.attempt(job.attempt).log == "running\ndone\n");
    CHECK_FALSE(site.server.attempt(job.attempt).finish->salvaged);
    // The adopted runner's end frees the slot.
    auto next = site.server.job({"echo next"});
    site.server.enqueue(next);
    CHECK(site.server.wait_finished(next.attempt));
}

TEST_CASE("a killed runner is salvaged at once: its steps die and the server is told", "[daemon]") {
    Site site;
    site.start(1);
    auto job = site.server.job({"echo $$ ; setsid sleep 1000 & sleep 1000"});
    site.server.enqueue(job);
    REQUIRE(eventually([&] { return !site.server.attempt(job.attempt).log.empty(); }));
    auto runner = agent::load_identity({site.folder(job)}).value();
    pid_t step = std::atoi(site.server.attempt(job.attempt).log.c_str());
    REQUIRE(is_alive(step));
    ::kill(runner.pid, SIGKILL);
    REQUIRE(site.server.wait_finished(job.attempt));
    CHECK(eventually([&] { return !is_alive(step); }));
    auto finish = site.server.attempt(job.attempt).finish;
    CHECK(finish->salvaged);
    CHECK(finish->outcome.cause == model::Cause::runner_lost);
    CHECK(eventually([&] { return site.folders() == 0; }));
}

TEST_CASE("a daemon that starts after everything was killed salvages the dead runner", "[daemon]") {
    Site site;
    pid_t first = site.start(1);
    auto job = site.server.job({"echo evidence; sleep 1000"});
    site.server.enqueue(job);
    REQUIRE(eventually([&] { return site.server.attempt(job.attempt).log == "evidence\n"; }));
    auto runner = agent::load_identity({site.folder(job)}).value();
    site.stop(first, SIGKILL);
    ::kill(runner.pid, SIGKILL);
    site.start(1);
    REQUIRE(site.server.wait_finished(job.attempt));
    CHECK(site.server.attempt(job.attempt).finish->outcome.cause == model::Cause::runner_lost);
    CHECK(site.server.attempt(job.attempt).log == "evidence\n");
}

namespace {
/// The daemon's child whose name is sluice-zygote; 0 when there is none.
pid_t zygote_of(pid_t daemon) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        auto stat = files::read_file(entry.path() / "stat");
        if (!stat || stat->find("(sluice-zygote)") == std::string::npos) continue;
        if (std::atoi(stat->c_str() + stat->rfind(')') + 4) == daemon)
            return std::atoi(stat->c_str());
    }
    return 0;
}
}  // namespace

TEST_CASE("a killed zygote hurts no runner and is replaced", "[daemon]") {
    Site site;
    pid_t daemon = site.start(2);
    auto running =
        site.server.job({"echo running; while [ ! -e go ]; do sleep 0.02; done; echo done"});
    site.server.enqueue(running);
    REQUIRE(eventually([&] { return site.server.attempt(running.attempt).log == "running\n"; }));
    REQUIRE(eventually([&] { return zygote_of(daemon) != 0; }));
    pid_t zygote = zygote_of(daemon);
    ::kill(zygote, SIGKILL);
    auto next = site.server.job({"echo next"});
    site.server.enqueue(next);
    REQUIRE(site.server.wait_finished(next.attempt));
    CHECK(eventually([&] { return zygote_of(daemon) != 0 && zygote_of(daemon) != zygote; }));
    auto later = site.server.job({"echo later"});
    site.server.enqueue(later);
    REQUIRE(site.server.wait_finished(later.attempt));
    REQUIRE(files::write_atomic(site.folder(running) / "workspace" / "go", "", 0644, false)
                .has_value());
    REQUIRE(site.server.wait_finished(running.attempt));
    CHECK(site.server.attempt(running.attempt).finish->outcome.result ==
          model::AttemptResult::passed);
}

TEST_CASE("SIGTERM drains: the running job ends, no new one is claimed, what was leased goes back",
          "[daemon]") {
    Site site;
    pid_t daemon = site.start(2);
    auto job = site.server.job({"echo running; while [ ! -e go ]; do sleep 0.02; done"});
    site.server.enqueue(job);
    REQUIRE(eventually([&] { return site.server.attempt(job.attempt).log == "running\n"; }));
    ::kill(daemon, SIGTERM);
    REQUIRE(eventually([&] { return site.server.claims().back().draining; }));
    CHECK(site.server.claims().back().free == 0);
    auto late = site.server.job({"echo late"});
    site.server.enqueue(late);
    REQUIRE(
        files::write_atomic(site.folder(job) / "workspace" / "go", "", 0644, false).has_value());
    CHECK(site.wait(daemon).ok());
    CHECK(site.server.attempt(job.attempt).finish);
    CHECK(site.server.attempt(late.attempt).instance.empty());
}

TEST_CASE("a second signal leaves at once and the runner goes on", "[daemon]") {
    Site site;
    pid_t daemon = site.start(1);
    auto job = site.server.job({"echo running; while [ ! -e go ]; do sleep 0.02; done"});
    site.server.enqueue(job);
    REQUIRE(eventually([&] { return site.server.attempt(job.attempt).log == "running\n"; }));
    ::kill(daemon, SIGTERM);
    REQUIRE(eventually([&] { return site.server.claims().back().draining; }));
    CHECK(site.stop(daemon, SIGINT).ok());
    REQUIRE(
        files::write_atomic(site.folder(job) / "workspace" / "go", "", 0644, false).has_value());
    CHECK(site.server.wait_finished(job.attempt));
}

TEST_CASE("a superseded or unknown daemon leaves with a clear message", "[daemon]") {
    struct Case {
        const char* reply;
        int status, exit;
        const char* message;
    };
    for (Case wanted :
         {Case{R"({"error":"session_superseded","message":"x"})", 409, 10,
               "another daemon has taken over"},
          Case{R"({"error":"unauthorized","message":"x"})", 401, 11, "enrol it again"}}) {
        Site site;
        site.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
            if (request.path.ends_with("/claim"))
                return FakeReply{wanted.status, wanted.reply, {}, false};
            return std::nullopt;
        };
        auto daemon = spawn::run({k_agent, "run", "--dir", site.dir.path.string()});
        REQUIRE(daemon.has_value());
        CHECK(daemon->exit.code == wanted.exit);
        CHECK(daemon->output.find(wanted.message) != std::string::npos);
    }
}

TEST_CASE("a claim whose answer was lost is repeated with its seq", "[daemon]") {
    Site site;
    std::atomic<int> claims{0};
    site.server.intercept = [&](const FakeRequest& request) -> std::optional<FakeReply> {
        if (request.path.ends_with("/claim") && ++claims <= 3) return FakeReply{0, "", {}, true};
        return std::nullopt;
    };
    site.start(1);
    REQUIRE(eventually([&] { return !site.server.claims().empty(); }));
    CHECK(site.server.claims()[0].seq == 1);
}

TEST_CASE("a daemon outlives a server outage", "[daemon]") {
    Site site;
    site.start(1);
    REQUIRE(eventually([&] { return !site.server.claims().empty(); }));
    site.server.go_down();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    site.server.come_up();
    auto job = site.server.job({"echo back"});
    site.server.enqueue(job);
    CHECK(site.server.wait_finished(job.attempt));
}

// Not a check: prints how long the agent takes from the claim's reply to the first command. Run it
// by name.
TEST_CASE("speed: claim reply to first command", "[.speed]") {
    Site site;
    site.start(1);
    std::vector<double> samples;
    for (int i = 0; i < 60; ++i) {
        auto job = site.server.job({"echo $EPOCHREALTIME"});
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        site.server.enqueue(job);
        REQUIRE(site.server.wait_finished(job.attempt));
        double first = std::strtod(site.server.attempt(job.attempt).log.c_str(), nullptr);
        samples.push_back((first - site.server.handed_out(job.attempt)) * 1000);
    }
    std::sort(samples.begin(), samples.end());
    WARN("median " << samples[30] << " ms, p95 " << samples[57] << " ms, best " << samples[0]
                   << " ms");
    auto begin = std::chrono::steady_clock::now();
    std::vector<AttemptId> ids;
    for (int i = 0; i < 200; ++i) {
        auto job = site.server.job({"true"});
        ids.push_back(job.attempt);
        site.server.enqueue(job);
    }
    for (AttemptId id : ids) REQUIRE(site.server.wait_finished(id));
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    WARN("200 jobs, one slot: " << 200 / took.count() << " jobs/s");
}

// Not a check: prints what a log of 100 MB costs the runner. Run it by name.
TEST_CASE("speed: a log of 100 MB", "[.speed]") {
    Site site;
    site.start(1);
    auto job = site.server.job(
        {"yes 'a line of eighty bytes, more or less, as compilers and tests print them all day' | "
         "head -c 100000000"});
    job.log_limit = 200 << 20;
    auto begin = std::chrono::steady_clock::now();
    site.server.enqueue(job);
    std::string peak;
    REQUIRE(eventually([&] {
        auto runner = agent::load_identity({site.folder(job)});
        auto status = runner ? files::read_file("/proc/" + std::to_string(runner->pid) + "/status")
                             : Result<std::string>(std::string());
        std::size_t at = status ? status->find("VmHWM") : std::string::npos;
        if (at != std::string::npos) peak = status->substr(at, status->find('\n', at) - at);
        return site.server.finished(job.attempt);
    }));
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    WARN("100 MB in " << took.count() << " s, runner " << peak);
}
