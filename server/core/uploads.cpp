#include "server/core/uploads.hpp"

#include "platform/failpoint.hpp"
#include "server/store/packs.hpp"

namespace sluice::core {

boost::asio::awaitable<Result<>> keep_upload(UploadParts parts, AttemptId attempt,
                                             std::string digest, blobs::Upload& upload,
                                             std::int64_t length,
                                             std::function<void(store::Tx&)> also) {
    auto verify = [&upload] { return upload.verify(); };
    auto verified = co_await runtime::run_on(parts.disk, std::move(verify));
    if (!verified) co_return verified.error();
    bool is_there = false;
    if (parts.blobs.is_remote()) {
        auto doubt = [attempt, &digest](store::Tx& tx) -> Result<bool> {
            if (store::blob_size(tx, digest)) return true;
            store::doubt_blob(tx, digest, attempt);
            return false;
        };
        SLUICE_CO_TRY(is_there, co_await parts.writer.write(std::move(doubt)));
    }
    if (!is_there) {
        auto bring = [&upload] { return upload.store(); };
        auto stored = co_await runtime::run_on(parts.blob_pool, std::move(bring));
        if (!stored) co_return stored.error();
    }
    failpoint::hit("blob", "in");
    auto keep = [&parts, attempt, &digest, length, &also](store::Tx& tx) -> Result<> {
        store::insert_blob(tx, digest, length, parts.clock.now());
        store::pin_blob(tx, attempt, digest);
        if (parts.blobs.is_remote()) store::settle_blob(tx, digest);
        if (also) also(tx);
        return {};
    };
    auto kept = co_await parts.writer.write(std::move(keep));
    if (!kept) co_return kept.error();
    failpoint::hit("blob", "after_commit");
    if (parts.blobs.is_remote()) {
        auto settle = [&upload] {
            upload.settle();
            return 0;
        };
        (void)co_await runtime::run_on(parts.disk, std::move(settle));
    }
    co_return Result<>();
}

}  // namespace sluice::core
