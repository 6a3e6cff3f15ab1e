#pragma once
/// Where the files of an attempt go that outlive it, and where those come from that it works on:
/// artifacts, inputs and outputs, caches (docs/decisions/0016). The agent's implementation talks to
/// the server, that of `sluice run` to a folder.

#include "pipelines/protocol/memo.hpp"
#include "platform/files.hpp"

namespace sluice::agent {

/// Blocking, runner's thread, but for interrupt(). Everything waits out outages; refusals are
/// final.
class Blobs {
public:
    virtual ~Blobs() = default;
    /// Nothing is sent when the other side has the blob for us already.
    virtual Result<> put(const protocol::Blob& blob, const files::Path& file) = 0;

    /// The packs that an input of the job stands for. `input_missing` (not_found) when nothing was
    /// produced.
    virtual Result<protocol::InputReply> input(const std::string& name) = 0;
    virtual Result<> fetch_input(const std::string& name, const protocol::Blob& blob,
                                 const files::Path& to) = 0;

    virtual Result<protocol::CacheReply> cache(const protocol::CacheRequest& request) = 0;
    virtual Result<> fetch_cache(const protocol::CacheReply& cache, const protocol::Blob& blob,
                                 const files::Path& to) = 0;

    /// Whether the result of the job is known already. Refused with a reason where nobody knows.
    virtual Result<protocol::MemoReply> memo(const protocol::MemoRequest&) {
        return error(Code::unsupported, "no_memos", "results of earlier runs are not kept here");
    }

    /// Ends what is under way with id `interrupted`, and what follows until resume(). Any thread.
    virtual void interrupt() = 0;
    virtual void resume() = 0;
};

}  // namespace sluice::agent
