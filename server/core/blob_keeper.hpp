#pragma once
/// Gives the place of files back: packs that have expired, caches beyond their limit, and blobs
/// that nothing refers to any more.

#include "server/blobs/blob_store.hpp"
#include "server/core/clock_guard.hpp"
#include "server/core/leases.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/readers.hpp"
#include "server/store/writer.hpp"

#include "platform/clock.hpp"

#include <boost/asio/awaitable.hpp>

namespace sluice::core {

/// One coroutine on the io executor. Duties are idempotent.
class BlobKeeper {
public:
    struct Parts {
        store::Writer& writer;
        store::Readers& readers;
        runtime::Pool& pool;  ///< where blobs may be waited for
        blobs::BlobStore& blobs;
        const Clock& clock;
        std::int64_t cache_bytes;  ///< stored, of each project
    };
    explicit BlobKeeper(Parts parts) : parts_(parts), guard_(parts.clock) {}

    /// A round every few seconds until cancelled; the first also looks for what a crash left.
    boost::asio::awaitable<void> run();
    /// One round. For tests, too.
    boost::asio::awaitable<void> round(bool first);

private:
    boost::asio::awaitable<void> remove_loose();
    /// Of attempts that have ended.
    boost::asio::awaitable<void> forget_uploads();
    boost::asio::awaitable<void> remove_left_over();
    boost::asio::awaitable<void> remove_doubtful();
    /// Takes them out of the store, and then their doubts. False when the store can't be reached:
    /// the doubts stay for a later round. The caller holds them.
    boost::asio::awaitable<bool> remove_from_store(const std::vector<std::string>& digests);

    Parts parts_;
    ClockGuard guard_;
    std::int64_t rounds_ = 0;
    std::chrono::steady_clock::time_point next_look_{};  ///< for blobs that nothing refers to
};

}  // namespace sluice::core
