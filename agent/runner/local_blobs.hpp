#pragma once
/// Blobs of a local run: files by digest in a folder that all its jobs share
/// (pipelines/protocol/local_run.hpp).

#include "agent/runner/blobs.hpp"
#include "pipelines/protocol/local_run.hpp"

namespace sluice::agent {

class LocalBlobs final : public Blobs {
public:
    explicit LocalBlobs(const protocol::LocalJob& job) : job_(job) {}

    Result<> put(const protocol::Blob& blob, const files::Path& file) override;
    Result<protocol::InputReply> input(const std::string& name) override;
    Result<> fetch_input(const std::string& name, const protocol::Blob& blob,
                         const files::Path& to) override;
    Result<protocol::CacheReply> cache(const protocol::CacheRequest& request) override;
    Result<> fetch_cache(const protocol::CacheReply& cache, const protocol::Blob& blob,
                         const files::Path& to) override;
    void interrupt() override {}
    void resume() override {}

private:
    files::Path path(const protocol::Blob& blob) const {
        return files::Path(job_.blobs) / blob.sha256;
    }
    const protocol::LocalJob& job_;
};

}  // namespace sluice::agent
