#include "server/core/blob_keeper.hpp"

#include "platform/failpoint.hpp"
#include "platform/log.hpp"
#include "server/store/attempts.hpp"
#include "server/store/memos.hpp"
#include "server/store/packs.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sluice::core {

namespace {

constexpr std::int64_t k_slice = 500;  // rule 14: bulk deletes in slices
/// Five minutes: what an attempt that has ended began to upload is of no use to anybody.
constexpr std::int64_t k_rounds_between = 60;
constexpr Duration k_lost_life{3'600'000};
constexpr Duration k_memo_life{90LL * 24 * 3'600'000};

}  // namespace

boost::asio::awaitable<void> BlobKeeper::run() {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (bool first = true;; first = false) {
        timer.expires_after(std::chrono::seconds(5));
        co_await timer.async_wait(boost::asio::use_awaitable);
        try {
            co_await round(first);
        } catch (const boost::system::system_error&) {
            throw;  // cancelled
        } catch (const std::exception& error) {
            log::error("blobs could not be tidied error=\"{}\"", error.what());
        }
    }
}

boost::asio::awaitable<void> BlobKeeper::round(bool first) {
    if (first) co_await remove_left_over();
    if (rounds_++ % k_rounds_between == 0) co_await forget_uploads();
    const bool settled = guard_.settled();
    auto expire = [this, settled](store::Tx& tx) -> Result<std::int64_t> {
        const Timestamp now = parts_.clock.now();
        std::int64_t gone = 0;
        if (settled) {
            store::unpin_ended(tx, {now.ms - k_lost_life.count()});
            store::forget_memos(tx, {now.ms - k_memo_life.count()}, k_slice);
            gone = store::expire_packs(tx, now, k_slice);
        }
        for (const ProjectId project : store::projects_with_caches(tx))
            gone += store::trim_caches(tx, project, parts_.cache_bytes);
        return gone;
    };
    const auto gone = co_await parts_.writer.write(std::move(expire));
    if (gone && *gone > 0) log::info("packs removed count={}", *gone);
    co_await remove_loose();
    if (parts_.blobs.is_remote()) co_await remove_doubtful();
}

boost::asio::awaitable<void> BlobKeeper::remove_loose() {
    while (true) {
        // A hold from before the look until the file is gone: an upload of the same bytes that
        // comes meanwhile is told to try again, and makes the blob anew.
        std::vector<std::unique_ptr<blobs::Hold>> holds;
        // The look goes through all blobs: beside the writer, and not for more than a twentieth of
        // the time.
        if (parts_.clock.steady() < next_look_) co_return;
        const auto begin = parts_.clock.steady();
        auto look = [this] {
            return parts_.readers.read(
                [](store::Tx& tx) { return store::loose_blobs(tx, k_slice); });
        };
        auto loose = co_await runtime::run_on(parts_.pool, std::move(look));
        if (loose.empty()) {
            const auto now = parts_.clock.steady();
            next_look_ = now + 20 * (now - begin);
            co_return;
        }
        std::vector<std::string> held;
        for (std::string& digest : loose)
            if (auto hold = parts_.blobs.hold(digest)) {
                holds.push_back(std::move(hold));
                held.push_back(std::move(digest));
            }
        auto remove = [this, &held](store::Tx& tx) -> Result<std::vector<std::string>> {
            std::vector<std::string> out;
            for (const std::string& digest : held) {
                if (!store::remove_blob(tx, digest)) continue;
                if (parts_.blobs.is_remote()) store::doubt_blob(tx, digest, std::nullopt);
                out.push_back(digest);
            }
            return out;
        };
        auto removed = co_await parts_.writer.write(std::move(remove));
        if (!removed || removed->empty()) co_return;
        const std::size_t count = removed->size();
        failpoint::hit("blob_removal", "after_commit");
        if (!co_await remove_from_store(*removed)) co_return;
        log::info("blobs removed count={}", count);
    }
}

boost::asio::awaitable<void> BlobKeeper::forget_uploads() {
    // First the files, then who lives: an attempt that begins meanwhile is in neither.
    auto look = [this] { return parts_.blobs.uploading(); };
    const auto seen = co_await runtime::run_on(parts_.pool, std::move(look));
    if (seen.empty()) co_return;
    auto live = [](store::Tx& tx) -> Result<std::set<AttemptId>> {
        std::set<AttemptId> out;
        for (const auto& attempt : store::live_attempts(tx)) out.insert(attempt.id);
        return out;
    };
    const auto attempts = co_await parts_.writer.write(std::move(live));
    if (!attempts) co_return;
    auto forget = [this, &seen, &attempts] { parts_.blobs.forget_uploads(seen, *attempts); };
    co_await runtime::run_on(parts_.pool, std::move(forget));
}

boost::asio::awaitable<void> BlobKeeper::remove_left_over() {
    auto list = [this] { return parts_.blobs.all(); };
    const auto here = co_await runtime::run_on(parts_.pool, std::move(list));
    // A file without a row: a crash came between the two.
    for (std::size_t at = 0; at < here.size(); at += k_slice) {
        std::vector<std::unique_ptr<blobs::Hold>> holds;
        std::vector<std::string> held;
        for (std::size_t i = at; i < std::min<std::size_t>(here.size(), at + k_slice); ++i)
            if (auto hold = parts_.blobs.hold(here[i])) {
                holds.push_back(std::move(hold));
                held.push_back(here[i]);
            }
        auto unknown = [&held](store::Tx& tx) -> Result<std::vector<std::string>> {
            std::vector<std::string> out;
            for (const std::string& digest : held)
                if (!store::blob_size(tx, digest)) out.push_back(digest);
            return out;
        };
        const auto lost = co_await parts_.writer.write(std::move(unknown));
        if (!lost) co_return;
        if (!co_await remove_from_store(*lost)) co_return;
    }
}

boost::asio::awaitable<void> BlobKeeper::remove_doubtful() {
    while (true) {
        auto look = [this](store::Tx& tx) -> Result<std::vector<std::string>> {
            const Timestamp lost_before{parts_.clock.now().ms - k_lost_life.count()};
            return store::doubtful_blobs(tx, lost_before, k_slice);
        };
        auto doubtful = co_await parts_.writer.write(std::move(look));
        if (!doubtful || doubtful->empty()) co_return;
        std::vector<std::unique_ptr<blobs::Hold>> holds;
        std::vector<std::string> held;
        for (std::string& digest : *doubtful)
            if (auto hold = parts_.blobs.hold(digest)) {
                holds.push_back(std::move(hold));
                held.push_back(std::move(digest));
            }
        if (held.empty()) co_return;
        auto unknown = [&held](store::Tx& tx) -> Result<std::vector<std::string>> {
            std::vector<std::string> out;
            for (const std::string& digest : held) {
                if (store::blob_size(tx, digest))
                    store::settle_blob(tx, digest);
                else
                    out.push_back(digest);
            }
            return out;
        };
        auto lost = co_await parts_.writer.write(std::move(unknown));
        if (!lost) co_return;
        if (!co_await remove_from_store(*lost)) co_return;
    }
}

boost::asio::awaitable<bool> BlobKeeper::remove_from_store(
    const std::vector<std::string>& digests) {
    Result<> removed;
    auto unlink = [this, &digests, &removed] {
        std::vector<std::string> gone;
        for (const std::string& digest : digests) {
            removed = parts_.blobs.remove(digest);
            if (!removed) break;
            gone.push_back(digest);
        }
        return gone;
    };
    const std::vector<std::string> gone = co_await runtime::run_on(parts_.pool, std::move(unlink));
    if (parts_.blobs.is_remote() && !gone.empty()) {
        auto settle = [&gone](store::Tx& tx) -> Result<> {
            for (const std::string& digest : gone) store::settle_blob(tx, digest);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(settle));
    }
    if (!removed)
        log::warn("blobs are not removed yet count={} error=\"{}\"", digests.size() - gone.size(),
                  removed.error().message);
    co_return removed.has_value();
}

}  // namespace sluice::core
