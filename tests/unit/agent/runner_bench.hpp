#pragma once
/// Runs the runner as a process of its own (as the daemon starts it without a zygote), against the
/// fake server.

#include "agent/attempt_folder.hpp"
#include "platform/spawn.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

namespace sluice::test {

inline const std::string k_agent = std::string(SLUICE_BIN_DIR) + "/sluice-agent";

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Processes whose environment names this attempt's folder.
inline int survivors(const files::Path& dir) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        auto env = files::read_file(entry.path() / "environ");
        if (env && has(*env, "CI_WORKSPACE=" + dir.string())) ++count;
    }
    return count;
}

/// One agent folder, one server, runners of the real program.
struct Bench {
    FakeServer server;
    TemporaryFolder agent;

    files::Path place(const protocol::ClaimedJob& job) {
        files::Path dir = agent / "attempts" / std::to_string(job.attempt.value);
        REQUIRE(sluice::agent::create_folder(dir, {.server = {server.url(), ""}, .job = job})
                    .has_value());
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

}  // namespace sluice::test
