#pragma once
/// Blobs on the server: resumes where a connection broke off, and waits out outages.

#include "agent/runner/blobs.hpp"
#include "agent/server_api.hpp"

#include <atomic>

namespace sluice::agent {

class ServerBlobs final : public Blobs {
public:
    ServerBlobs(ServerAddress server, AttemptId attempt, std::string lease_token)
        : api_(std::move(server), attempt, std::move(lease_token)) {}

    Result<> put(const protocol::Blob& blob, const files::Path& file) override;
    Result<protocol::InputReply> input(const std::string& name) override;
    Result<> fetch_input(const std::string& name, const protocol::Blob& blob,
                         const files::Path& to) override;
    Result<protocol::CacheReply> cache(const protocol::CacheRequest& request) override;
    Result<> fetch_cache(const protocol::CacheReply& cache, const protocol::Blob& blob,
                         const files::Path& to) override;
    Result<protocol::MemoReply> memo(const protocol::MemoRequest& request) override;
    void interrupt() override;
    void resume() override;

private:
    template <class Call>
    auto patiently(Call call);

    AttemptApi api_;
    std::atomic<bool> interrupted_{false};
};

}  // namespace sluice::agent
