#pragma once
/// Source that asks the server for the attempt's commit as one pack (architecture §6, `source`).

#include "agent/runner/ports.hpp"
#include "agent/server_api.hpp"

#include <atomic>

namespace sluice::agent {

class ServerSource final : public Source {
public:
    ServerSource(ServerAddress server, AttemptId attempt, std::string lease_token);

    /// Tries again while the server is away, until interrupt().
    Result<> checkout(const protocol::ClaimedJob& job, const files::Path& workspace) override;
    void interrupt() override;

private:
    Result<> fetch(const std::string& commit, const files::Path& workspace);
    AttemptApi api_;
    std::atomic<bool> interrupted_{false};
};

}  // namespace sluice::agent
