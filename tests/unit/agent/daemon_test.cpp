// The daemon as a process, with its zygote and runners, against the fake server.

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
