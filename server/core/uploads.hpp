#pragma once
/// How what was received becomes a blob: it is verified, brought to its place and known, in that
/// order (engine rule 24, docs/decisions/0029).

#include "platform/clock.hpp"
#include "server/blobs/blob_store.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/writer.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>

namespace sluice::core {

struct UploadParts {
    store::Writer& writer;
    runtime::Pool& disk;
    runtime::Pool& blob_pool;  ///< where blobs may be waited for
    blobs::BlobStore& blobs;
    const Clock& clock;
};

/// Keeps a complete upload; the attempt may refer to the blob from then on. `also` runs in the
/// transaction that makes the blob known. Refused as Upload::verify and store() are.
boost::asio::awaitable<Result<>> keep_upload(UploadParts parts, AttemptId attempt,
                                             std::string digest, blobs::Upload& upload,
                                             std::int64_t length,
                                             std::function<void(store::Tx&)> also = {});

}  // namespace sluice::core
