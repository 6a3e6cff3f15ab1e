#pragma once
/// Sink of a local run: the steps' states and the outcome become files that `sluice run` reads
/// (pipelines/protocol/local_run.hpp); signals to this process are its cancel.

#include "agent/runner/ports.hpp"

#include <thread>

namespace sluice::agent {

/// SIGINT and SIGTERM wait for the sink's thread from here on. Before any other thread is started;
/// programs that are started get the usual mask (platform/spawn).
void hold_stop_signals();

class LocalSink final : public Sink {
public:
    /// Refused when the kernel has no descriptors for signals left.
    static Result<std::unique_ptr<LocalSink>> open(files::Path dir, const Spool& spool,
                                                   bool keep_commands);
    ~LocalSink() override;

    void begin(SinkEvents events) override;
    void log_grew() override {}
    void progress(const std::vector<model::StepStatus>& steps) override;
    void step_command(std::size_t step, const spawn::Command& command) override;
    Result<> finish(protocol::FinishRequest request, const std::function<void()>& durable) override;

private:
    LocalSink(files::Path dir, const Spool& spool, bool keep_commands, files::Fd signals,
              files::Fd wake);
    void wait_for_signals();

    files::Path dir_;
    const Spool& spool_;
    bool keep_commands_;
    files::Fd signals_, wake_;
    SinkEvents events_;
    std::thread thread_;
};

}  // namespace sluice::agent
