#pragma once
/// Source that asks the server for what this agent has not kept of the attempt's commit
/// (architecture §6, `source`; decision 0025).

#include "agent/backoff.hpp"
#include "agent/runner/ports.hpp"
#include "agent/runner/source_checkout.hpp"
#include "agent/runner/source_store.hpp"
#include "agent/server_api.hpp"

#include <atomic>
#include <map>

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
                      const Note& note) override;
    void interrupt() override;
    /// Keeps the cache below its size. For after the job: nobody waits then.
    void tidy();

private:
    /// One repository of the workspace: the job's own, or a submodule.
    struct Part {
        std::string commit;
        std::string submodule;  ///< its path; "" = the job's own
        bool history = false;
        files::Path folder;
        std::optional<SourceStore> store;
        bool borrowed = false;   ///< this try has used the store
        bool discarded = false;  ///< the store was damaged: it begins anew, once
    };

    std::optional<SourceStore> store_of(const protocol::ClaimedJob& job, const std::string& url,
                                        bool history) const;
    Result<> carry(Part part, const Note& note);
    /// The folders of the submodules, by path.
    Result<std::map<std::string, files::Path>> carry_submodules(const protocol::ClaimedJob& job,
                                                                const files::Path& workspace,
                                                                const Note& note);
    /// Puts the files of Git LFS of a repository of the workspace in their places.
    Result<> carry_lfs(const files::Path& folder, const std::string& submodule, const Note& note);
    Result<protocol::LfsReply> lfs_objects(const std::string& submodule, const Note& note);
    Result<> fetch_object(const protocol::LfsPointer& object, const std::string& submodule,
                          const files::Path& to);
    Result<> fetch(Part& part);
    Result<> receive(SourceCheckout& checkout, Part& part);
    /// Waits a while, unless interrupted or the refusal is final; then it is the answer.
    Result<> after_refusal(const Error& refusal);

    AttemptApi api_;
    std::string server_;
    SourceCache cache_;
    Backoff backoff_;
    bool kept_ = false;
    std::atomic<bool> interrupted_{false};
};

}  // namespace sluice::agent
