#pragma once
/// Source that asks the server for what this agent has not kept of the attempt's commit
/// (architecture §6, `source`; decision 0025).

#include "agent/runner/ports.hpp"
#include "agent/runner/source_checkout.hpp"
#include "agent/runner/source_store.hpp"
#include "agent/server_api.hpp"

#include <atomic>

namespace sluice::agent {

struct SourceCache {
    files::Path folder;           ///< shared by the runners of an agent
    std::uint64_t max_bytes = 0;  ///< 0 = nothing is kept
};

class ServerSource final : public Source {
public:
    ServerSource(ServerAddress server, AttemptId attempt, std::string lease_token,
                 SourceCache cache);

    /// Tries again while the server is away, until interrupt().
    Result<> checkout(const protocol::ClaimedJob& job, const files::Path& workspace,
                      const std::function<void(const std::string&)>& note) override;
    void interrupt() override;
    /// Keeps the cache below its size. For after the job: nobody waits then.
    void tidy();

private:
    Result<> fetch(const protocol::ClaimedJob& job, const files::Path& workspace);
    Result<> receive(SourceCheckout& checkout, const protocol::ClaimedJob& job);
    bool borrow(SourceCheckout& checkout, const std::string& commit);

    AttemptApi api_;
    std::string server_;
    SourceCache cache_;
    std::optional<SourceStore> store_;
    bool borrowed_ = false;  ///< this checkout has used the store
    bool kept_ = false;
    std::atomic<bool> interrupted_{false};
};

}  // namespace sluice::agent
