#include "server/embedded_agent.hpp"

#include "pipelines/base/json.hpp"
#include "platform/log.hpp"
#include "platform/spawn.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>

namespace sluice::server {

EmbeddedAgent::EmbeddedAgent(Options options) : options_(std::move(options)) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "agent-watch");
        loop();
    });
}

EmbeddedAgent::~EmbeddedAgent() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

bool EmbeddedAgent::pause(int milliseconds) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                          [this] { return stopping_; });
}

bool EmbeddedAgent::enrolled_here() const {
    auto text = files::read_file(options_.dir / "agent.json", 1 << 20);
    if (!text) return false;
    auto value = json::parse(*text);
    if (!value || !value->is_object()) return false;
    auto* server = value->as_object().if_contains("server");
    return server && server->is_string() && server->as_string() == options_.url;
}

bool EmbeddedAgent::enrol() {
    std::vector<std::string> argv{
        options_.program.string(), "enrol",  "--server", options_.url, "--dir",
        options_.dir.string(),     "--name", "embedded"};
    if (!options_.ca_file.empty()) argv.insert(argv.end(), {"--ca", options_.ca_file});
    spawn::RunOptions run;
    run.env = spawn::current_environment();
    // In the environment, not in argv: a token in argv is readable by every user of the machine.
    (*run.env)["SLUICE_ENROL_TOKEN"] = options_.enrolment();
    run.timeout = Duration{30'000};
    auto finished = spawn::run(argv, run);
    if (finished && finished->exit.ok()) return true;
    log::error("embedded agent not enrolled error=\"{}\"",
               finished ? finished->output : finished.error().message);
    return false;
}

void EmbeddedAgent::loop() {
    int wait = 100;
    while (true) {
        if (!enrolled_here() && !enrol()) {
            if (pause(wait)) return;
            wait = std::min(wait * 2, 10'000);
            continue;
        }
        spawn::Command command;
        const auto exec = options_.program.parent_path() / "sluice-exec";
        command.argv = {exec.string(),
                        "--parent",
                        std::to_string(::getpid()),
                        "--",
                        options_.program.string(),
                        "run",
                        "--dir",
                        options_.dir.string(),
                        "--capacity",
                        std::to_string(options_.capacity)};
        command.env = spawn::current_environment();
        command.out = 2;
        command.err = 2;
        auto pid = spawn::start(command);
        if (!pid) {
            log::error("embedded agent not started error=\"{}\"", pid.error().message);
            if (pause(wait)) return;
            wait = std::min(wait * 2, 10'000);
            continue;
        }
        const auto started = std::chrono::steady_clock::now();
        int status = 0;
        bool stop = false;
        int rounds = 0;
        while (::waitpid(*pid, &status, WNOHANG) == 0) {
            if (!stop && pause(100)) {
                stop = true;
                // The first signal drains, the second makes it leave at once; its runners go on.
                ::kill(*pid, SIGTERM);
                ::usleep(20'000);
                ::kill(*pid, SIGTERM);
            } else if (stop) {
                ::usleep(10'000);
                if (++rounds == 300) ::kill(*pid, SIGKILL);
            }
        }
        if (stop) return;
        log::warn("embedded agent ended, starting another {}",
                  spawn::to_text(spawn::exit_from_status(status)));
        if (std::chrono::steady_clock::now() - started > std::chrono::seconds(10)) wait = 100;
        if (pause(wait)) return;
        wait = std::min(wait * 2, 10'000);
    }
}

}  // namespace sluice::server
