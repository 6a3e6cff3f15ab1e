#include "server/core/lfs.hpp"

#include "platform/log.hpp"
#include "server/git/lfs_transfer.hpp"
#include "server/store/packs.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace sluice::core {

namespace asio = boost::asio;
using protocol::LfsPointer;

namespace {

constexpr std::size_t k_lanes = 4;  // transfers at once of one fetch
constexpr std::int64_t k_slice = 500;
constexpr int k_tries = 3;
constexpr int k_busy_tries = 50;
constexpr std::chrono::milliseconds k_busy_pause{100};
/// No scope of a cache that jobs write is called so (core/packs.hpp).
constexpr std::string_view k_scope = "lfs";

std::string key_of(const std::string& digest) {
    return "lfs " + digest;
}

using Fetches = std::pair<AttemptId, std::string>;
using Flight = std::pair<ProjectId, std::string>;

}  // namespace

/// What outlives the object while coroutines end.
struct LfsObjects::State : std::enable_shared_from_this<State> {
    /// One commit's objects on their way to one attempt.
    struct Fetch {
        Wanted wanted;
        std::unordered_map<std::string, std::string> paths;  ///< of digests, for people
        std::chrono::steady_clock::time_point until;
        runtime::Signal signal{};
        std::mutex mutex{};
        std::optional<Result<>> done{};
    };
    /// Transfers of one fetch that share a list.
    struct Lanes {
        std::mutex mutex;
        std::vector<std::vector<LfsPointer>> batches;
        std::size_t running = 0;
        std::optional<Error> refusal;
        runtime::Signal ended;
    };
    class Claim;
    class Registered;

    explicit State(Parts wanted) : parts(std::move(wanted)) {}

    Result<std::shared_ptr<Fetch>> fetch_for(Wanted wanted);
    asio::awaitable<Result<>> carry(Fetch& fetch);
    asio::awaitable<Result<std::vector<LfsPointer>>> missing_of(Fetch& fetch,
                                                                std::vector<LfsPointer> objects);
    asio::awaitable<Result<>> fetch_group(Fetch& fetch, const std::vector<LfsPointer>& objects);
    asio::awaitable<void> lane(std::shared_ptr<Lanes> lanes, Fetch& fetch);
    asio::awaitable<Result<>> fetch_batch(Lanes& lanes, Fetch& fetch, git::LfsTransfer& transfer,
                                          std::vector<LfsPointer> batch);
    asio::awaitable<Result<>> fetch_one(Fetch& fetch, git::LfsTransfer& transfer,
                                        git::LfsSource source);
    asio::awaitable<Result<>> keep(Fetch& fetch, const LfsPointer& object, blobs::Upload& upload);
    Result<> check_time(const Fetch& fetch) const;
    static Error named(const Fetch& fetch, const LfsPointer& object, Error refusal);

    Parts parts;
    std::mutex mutex;
    std::map<Fetches, std::shared_ptr<Fetch>> fetches;
    std::set<Flight> in_flight;
    std::map<AttemptId, std::set<std::string>> granted;
    std::set<git::LfsTransfer*> transfers;
    bool stopped = false;
    runtime::Signal landed;  ///< an object is not in flight any more
    std::atomic<std::int64_t> fetched{0}, fetched_bytes{0};
};

/// Objects of a project that this fetch brings: others wait for it.
class LfsObjects::State::Claim {
public:
    Claim(State& state, ProjectId project, const std::vector<LfsPointer>& wanted, std::size_t most)
        : state_(state), project_(project) {
        std::lock_guard claiming(state_.mutex);
        for (const LfsPointer& object : wanted) {
            if (objects.size() == most) break;
            if (state_.in_flight.emplace(project_, object.sha256).second) objects.push_back(object);
        }
    }
    ~Claim() {
        {
            std::lock_guard releasing(state_.mutex);
            for (const LfsPointer& object : objects)
                state_.in_flight.erase({project_, object.sha256});
        }
        state_.landed.notify();
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    std::vector<LfsPointer> objects;

private:
    State& state_;
    ProjectId project_;
};

/// A transfer that stop() reaches.
class LfsObjects::State::Registered {
public:
    Registered(State& state, git::LfsTransfer& transfer) : state_(state), transfer_(transfer) {
        std::lock_guard adding(state_.mutex);
        state_.transfers.insert(&transfer_);
        if (state_.stopped) transfer_.stop();
    }
    ~Registered() {
        std::lock_guard removing(state_.mutex);
        state_.transfers.erase(&transfer_);
    }
    Registered(const Registered&) = delete;
    Registered& operator=(const Registered&) = delete;

private:
    State& state_;
    git::LfsTransfer& transfer_;
};

LfsObjects::LfsObjects(Parts parts) : state_(std::make_shared<State>(std::move(parts))) {}

LfsObjects::~LfsObjects() {
    stop();
}

void LfsObjects::stop() {
    std::lock_guard stopping(state_->mutex);
    state_->stopped = true;
    for (git::LfsTransfer* transfer : state_->transfers) transfer->stop();
}

bool LfsObjects::may_read(AttemptId attempt, const std::string& digest) const {
    std::lock_guard looking(state_->mutex);
    const auto found = state_->granted.find(attempt);
    return found != state_->granted.end() && found->second.contains(digest);
}

std::int64_t LfsObjects::fetched() const {
    return state_->fetched;
}

std::int64_t LfsObjects::fetched_bytes() const {
    return state_->fetched_bytes;
}

Error LfsObjects::State::named(const Fetch& fetch, const LfsPointer& object, Error refusal) {
    const auto path = fetch.paths.find(object.sha256);
    if (path != fetch.paths.end()) refusal.message = path->second + ": " + refusal.message;
    return refusal;
}

/// What goes on already, or a new one of which the sizes are good.
Result<std::shared_ptr<LfsObjects::State::Fetch>> LfsObjects::State::fetch_for(Wanted wanted) {
    const Fetches key{wanted.attempt, wanted.repo.url};
    std::lock_guard looking(mutex);
    if (const auto found = fetches.find(key); found != fetches.end()) return found->second;
    // Of runners that never came back for the answer.
    std::erase_if(fetches, [this](const auto& entry) {
        return !parts.leases.find(entry.first.first) && entry.second.use_count() == 1;
    });
    std::erase_if(granted, [this](const auto& entry) { return !parts.leases.find(entry.first); });
    auto fetch = std::make_shared<Fetch>();
    std::unordered_map<std::string, std::int64_t> sizes;
    std::int64_t sum = 0;
    const auto too_large = [&](std::string what) {
        return error(Code::too_large, "lfs_too_large",
                     fmt::format("{}; the server takes at most {} of a commit (--lfs-limit)", what,
                                 parts.most_bytes));
    };
    for (const protocol::LfsFile& file : wanted.listing.files) {
        const auto& [digest, size] = file.pointer;
        if (size > parts.most_bytes)
            return too_large(
                fmt::format("{}: object {} has {} bytes by its pointer", file.path, digest, size));
        const auto [known, is_new] = sizes.emplace(digest, size);
        if (!is_new && known->second != size)
            return error(Code::conflict, "lfs_mismatch",
                         fmt::format("{} and {} name object {} with different sizes", file.path,
                                     fetch->paths.at(digest), digest));
        if (!is_new) continue;
        fetch->paths.emplace(digest, file.path);
        if (size > parts.most_bytes - sum)
            return too_large(
                fmt::format("the files of the commit in Git LFS have more than {} "
                            "bytes",
                            parts.most_bytes));
        sum += size;
    }
    fetch->wanted = std::move(wanted);
    fetch->until = std::chrono::steady_clock::now() + parts.patience;
    fetches.emplace(key, fetch);
    auto work = [self = shared_from_this(), fetch]() -> asio::awaitable<Result<>> {
        return self->carry(*fetch);
    };
    auto ended = [self = shared_from_this(), fetch](std::exception_ptr thrown, Result<> result) {
        if (thrown) {
            result = error(Code::internal, "lfs_failed", "fetching the objects of Git LFS failed");
            try {
                std::rethrow_exception(thrown);
            } catch (const std::exception& failed) {
                log::error("lfs fetch failed error=\"{}\"", failed.what());
            }
        }
        {
            std::lock_guard ending(fetch->mutex);
            fetch->done = std::move(result);
        }
        fetch->signal.notify();
    };
    asio::co_spawn(parts.executor, std::move(work), std::move(ended));
    return fetch;
}

asio::awaitable<Result<bool>> LfsObjects::bring(Wanted wanted, std::chrono::milliseconds wait) {
    auto state = state_;
    const Fetches key{wanted.attempt, wanted.repo.url};
    SLUICE_CO_TRY(const auto fetch, state->fetch_for(std::move(wanted)));
    const auto until = std::chrono::steady_clock::now() + wait;
    while (true) {
        const auto seen = fetch->signal.version();
        {
            std::lock_guard looking(fetch->mutex);
            if (fetch->done) break;
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        if (left.count() <= 0) co_return false;
        (void)co_await fetch->signal.wait(seen, left);
    }
    {
        std::lock_guard taking(state->mutex);
        const auto found = state->fetches.find(key);
        if (found != state->fetches.end() && found->second == fetch) state->fetches.erase(found);
        if (*fetch->done)
            for (const auto& [digest, path] : fetch->paths)
                state->granted[key.first].insert(digest);
    }
    if (!*fetch->done) co_return fetch->done->error();
    co_return true;
}

Result<> LfsObjects::State::check_time(const Fetch& fetch) const {
    if (!parts.leases.find(fetch.wanted.attempt))
        return error(Code::lease_lost, "lease_lost", "the attempt is over");
    if (std::chrono::steady_clock::now() < fetch.until) return {};
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(parts.patience).count();
    return error(
        Code::unavailable, "lfs_unreachable",
        fmt::format("fetching the commit's files of Git LFS took longer than {} min", minutes));
}

asio::awaitable<Result<>> LfsObjects::State::carry(Fetch& fetch) {
    std::vector<LfsPointer> all;
    std::set<std::string> seen_digests;
    for (const protocol::LfsFile& file : fetch.wanted.listing.files)
        if (file.pointer.size > 0 && seen_digests.insert(file.pointer.sha256).second)
            all.push_back(file.pointer);
    SLUICE_CO_TRY(auto missing, co_await missing_of(fetch, std::move(all)));
    while (!missing.empty()) {
        if (auto good = check_time(fetch); !good) co_return good.error();
        const auto seen = landed.version();
        {
            Claim claim(*this, fetch.wanted.run.project, missing,
                        k_lanes * git::LfsTransfer::k_batch);
            if (!claim.objects.empty()) {
                auto done = co_await fetch_group(fetch, claim.objects);
                if (!done) co_return done.error();
            }
            if (claim.objects.size() == missing.size()) co_return Result<>();
            if (claim.objects.empty()) (void)co_await landed.wait(seen, std::chrono::seconds(1));
        }
        SLUICE_CO_TRY(missing, co_await missing_of(fetch, std::move(missing)));
    }
    co_return Result<>();
}

/// Those that the project does not have yet; the others are the attempt's from now on.
asio::awaitable<Result<std::vector<LfsPointer>>> LfsObjects::State::missing_of(
    Fetch& fetch, std::vector<LfsPointer> objects) {
    std::vector<LfsPointer> out;
    for (std::size_t at = 0; at < objects.size(); at += k_slice) {
        const std::size_t end = std::min<std::size_t>(objects.size(), at + k_slice);
        auto look = [this, &fetch, &objects, at,
                     end](store::Tx& tx) -> Result<std::vector<LfsPointer>> {
            std::vector<LfsPointer> absent;
            const Timestamp now = parts.uploads.clock.now();
            for (std::size_t i = at; i < end; ++i) {
                const LfsPointer& object = objects[i];
                const auto pack = store::find_cache_id(tx, fetch.wanted.run.project, k_scope,
                                                       key_of(object.sha256));
                if (!pack) {
                    absent.push_back(object);
                    continue;
                }
                if (pack->second != object.size)
                    return named(fetch, object,
                                 error(Code::conflict, "lfs_mismatch",
                                       fmt::format("object {} has {} bytes, and {} by its pointer",
                                                   object.sha256, pack->second, object.size)));
                store::touch_pack(tx, pack->first, now);
                store::pin_blob(tx, fetch.wanted.attempt, object.sha256);
            }
            return absent;
        };
        SLUICE_CO_TRY(auto absent, co_await parts.uploads.writer.write(std::move(look)));
        out.insert(out.end(), std::make_move_iterator(absent.begin()),
                   std::make_move_iterator(absent.end()));
    }
    co_return out;
}

asio::awaitable<Result<>> LfsObjects::State::fetch_group(Fetch& fetch,
                                                         const std::vector<LfsPointer>& objects) {
    auto lanes = std::make_shared<Lanes>();
    // As many per lane as make the lanes equal, so that few objects still come side by side.
    const std::size_t each =
        std::min<std::size_t>(git::LfsTransfer::k_batch, (objects.size() + k_lanes - 1) / k_lanes);
    for (std::size_t at = 0; at < objects.size(); at += each) {
        const auto begin = objects.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end =
            objects.begin() + static_cast<std::ptrdiff_t>(std::min(objects.size(), at + each));
        lanes->batches.emplace_back(begin, end);
    }
    // A lane may begin at once and take its batch.
    const std::size_t count = lanes->batches.size();
    lanes->running = count;
    for (std::size_t i = 0; i < count; ++i) {
        auto work = [self = shared_from_this(), lanes, &fetch]() {
            return self->lane(lanes, fetch);
        };
        auto ended = [lanes](std::exception_ptr thrown) {
            {
                std::lock_guard ending(lanes->mutex);
                --lanes->running;
                if (thrown && !lanes->refusal)
                    lanes->refusal = error(Code::internal, "lfs_failed",
                                           "fetching the objects of Git LFS failed");
            }
            lanes->ended.notify();
        };
        asio::co_spawn(parts.executor, std::move(work), std::move(ended));
    }
    while (true) {
        const auto seen = lanes->ended.version();
        {
            std::lock_guard looking(lanes->mutex);
            if (lanes->running == 0) break;
        }
        (void)co_await lanes->ended.wait(seen, std::chrono::seconds(60));
    }
    if (lanes->refusal) co_return *lanes->refusal;
    co_return Result<>();
}

asio::awaitable<void> LfsObjects::State::lane(std::shared_ptr<Lanes> lanes, Fetch& fetch) {
    std::vector<LfsPointer> batch;
    {
        std::lock_guard taking(lanes->mutex);
        batch = std::move(lanes->batches.back());
        lanes->batches.pop_back();
    }
    const git::Repo& repo = fetch.wanted.repo;
    git::LfsTransfer transfer({.place = fetch.wanted.listing.place,
                               .username = repo.username,
                               .password = repo.password,
                               .local_roots = parts.git.local_roots,
                               .allowed_hosts = parts.git.allowed_hosts});
    Registered registered(*this, transfer);
    auto done = co_await fetch_batch(*lanes, fetch, transfer, std::move(batch));
    std::lock_guard ending(lanes->mutex);
    if (!done && !lanes->refusal) lanes->refusal = done.error();
}

asio::awaitable<Result<>> LfsObjects::State::fetch_batch(Lanes& lanes, Fetch& fetch,
                                                         git::LfsTransfer& transfer,
                                                         std::vector<LfsPointer> batch) {
    auto locate = [&transfer, &batch] { return transfer.locate(batch); };
    auto sources = co_await runtime::run_on(parts.pool, std::move(locate));
    if (!sources) co_return named(fetch, batch.front(), sources.error());
    for (git::LfsSource& source : *sources) {
        {
            std::lock_guard looking(lanes.mutex);
            if (lanes.refusal) co_return Result<>();
        }
        if (auto good = check_time(fetch); !good) co_return good.error();
        const LfsPointer object = source.object;
        auto done = co_await fetch_one(fetch, transfer, std::move(source));
        if (!done) co_return named(fetch, object, done.error());
        ++fetched;
        fetched_bytes += object.size;
    }
    co_return Result<>();
}

asio::awaitable<Result<>> LfsObjects::State::fetch_one(Fetch& fetch, git::LfsTransfer& transfer,
                                                       git::LfsSource source) {
    const LfsPointer object = source.object;
    const AttemptId attempt = fetch.wanted.attempt;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (int tried = 1, busy = 0;;) {
        auto download = [this, &transfer, &source,
                         attempt]() -> Result<std::unique_ptr<blobs::Upload>> {
            SLUICE_TRY(auto upload, parts.uploads.blobs.upload(attempt, source.object.sha256, 0,
                                                               source.object.size));
            const auto write = [&upload](std::string_view piece) { return upload->write(piece); };
            SLUICE_CHECK(transfer.fetch(source, write));
            return upload;
        };
        auto upload = co_await runtime::run_on(parts.pool, std::move(download));
        Result<> done;
        if (upload)
            done = co_await keep(fetch, object, **upload);
        else
            done = upload.error();
        if (done) co_return done;
        upload = done.error();  // what is half there is let go first
        auto forget = [this, attempt, &object] {
            parts.uploads.blobs.forget_upload(attempt, object.sha256);
        };
        Error refusal = done.error();
        if (refusal.id == "blob_busy" && ++busy < k_busy_tries) {
            timer.expires_after(k_busy_pause);
            co_await timer.async_wait(asio::use_awaitable);
            continue;
        }
        co_await runtime::run_on(parts.uploads.disk, std::move(forget));
        // Room on the server's disk is waited for, as with packs.
        if (refusal.id == "disk_full")
            co_return error(Code::unavailable, "server_disk_full", refusal.message);
        if (refusal.id == "digest_mismatch")
            co_return error(Code::conflict, "lfs_mismatch",
                            fmt::format("what the LFS server sends as object {} has another "
                                        "digest",
                                        object.sha256));
        if (refusal.id != "lfs_unreachable" || tried++ == k_tries) co_return refusal;
        // An address may have been good for a while only.
        auto locate = [&transfer, &object] { return transfer.locate({object}); };
        SLUICE_CO_TRY(auto again, co_await runtime::run_on(parts.pool, std::move(locate)));
        source = std::move(again.front());
    }
}

asio::awaitable<Result<>> LfsObjects::State::keep(Fetch& fetch, const LfsPointer& object,
                                                  blobs::Upload& upload) {
    auto refer = [this, &fetch, &object](store::Tx& tx) {
        store::Pack pack;
        pack.project = fetch.wanted.run.project;
        pack.tier = fetch.wanted.run.tier;
        pack.scope = k_scope;
        pack.run = fetch.wanted.run.id;
        pack.job = fetch.wanted.job;
        pack.attempt = fetch.wanted.attempt;
        pack.content.kind = protocol::PackKind::cache;
        pack.content.name = key_of(object.sha256);
        pack.content.manifest = {object.sha256, object.size, object.size};
        pack.stored = object.size;
        pack.created_at = parts.uploads.clock.now();
        store::insert_pack(tx, pack);
    };
    std::function<void(store::Tx&)> also = std::move(refer);
    co_return co_await keep_upload(parts.uploads, fetch.wanted.attempt, object.sha256, upload,
                                   object.size, std::move(also));
}

}  // namespace sluice::core
