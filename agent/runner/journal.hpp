#pragma once
/// What a runner has done, as JSON lines in DIR/journal; read by salvage after the runner's death.
/// One thread.

#include "pipelines/protocol/agent.hpp"
#include "platform/files.hpp"

namespace sluice::agent {

/// The journal read back. A torn last line (the machine went down while it was written) is ignored.
struct JournalState {
    bool starting = false;  ///< the start call may have reached the server, a command may have run
    bool started = false;   ///< the server has answered 200
    bool finished = false;  ///< the server has recorded an outcome, or has refused for good
    std::optional<protocol::FinishRequest> outcome;  ///< without the log
    /// What may exist outside the process tree: executor → external name (rule 13).
    std::map<std::string, std::string> intents;
};

class Journal {
public:
    static Result<Journal> open(const files::Path& path);
    static Result<JournalState> read(const files::Path& path);

    Result<> starting(const std::string& instance);
    Result<> started();
    /// Before something of that name is made.
    Result<> intent(std::string_view executor, const std::string& name);
    Result<> outcome(const protocol::FinishRequest& request);
    Result<> finished(std::string_view how);
    /// To the disk.
    Result<> sync();

private:
    explicit Journal(files::Fd fd) : fd_(std::move(fd)) {}
    Result<> append(const json::Object& line);
    files::Fd fd_;
};

}  // namespace sluice::agent
