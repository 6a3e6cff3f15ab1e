#pragma once
/// One attempt of a job in a process of its own: `sluice-agent run-job DIR`, the agent's runner
/// (decision 0006). One thread.

#include "pipelines/protocol/local_run.hpp"
#include "pipelines/protocol/secrets.hpp"
#include "platform/files.hpp"

#include <sys/types.h>

#include <memory>
#include <optional>

namespace sluice::cli::local {

/// `sluice-agent` beside this program, else in PATH. Refused as a mistake of the caller.
Result<std::string> find_agent();

class RunnerProcess {
public:
    /// Writes local.json into `dir`, which is made, and starts the runner; `secrets` go to it in
    /// memory.
    static Result<std::unique_ptr<RunnerProcess>> start(const std::string& agent, files::Path dir,
                                                        const protocol::LocalJob& job,
                                                        const protocol::SecretValues& secrets);
    /// Kills a runner that still lives, and waits for it.
    ~RunnerProcess();
    RunnerProcess(const RunnerProcess&) = delete;
    RunnerProcess& operator=(const RunnerProcess&) = delete;

    /// Readable when the process has ended; for poll().
    int pidfd() const { return pidfd_.get(); }
    /// True once it has ended; reaps it.
    bool ended();
    /// The first time a cancel, the second time the end at once.
    void interrupt();

    /// After the end: what it reported. A runner that died without a word is salvaged first;
    /// nothing when it was ended at once.
    std::optional<protocol::FinishRequest> result();
    /// The steps as they are now; empty before the first.
    std::vector<model::StepStatus> steps() const;
    const files::Path& dir() const { return dir_; }

private:
    RunnerProcess(std::string agent, files::Path dir, pid_t pid, files::Fd pidfd);

    std::string agent_;
    files::Path dir_;
    pid_t pid_;
    files::Fd pidfd_;
    int interrupts_ = 0;
    bool ended_ = false;
};

/// A JSON file of a job's folder, parsed; refused when it is missing or damaged.
template <class Parse>
auto read_local(const files::Path& path, Parse parse) -> decltype(parse(json::Value{})) {
    constexpr std::size_t k_max = 64 << 20;
    SLUICE_TRY(std::string text, files::read_file(path, k_max));
    SLUICE_TRY(json::Value value, json::parse(text, {.bytes = k_max, .depth = 64}));
    return parse(value);
}

}  // namespace sluice::cli::local
