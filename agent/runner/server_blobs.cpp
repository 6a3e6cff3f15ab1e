#include "agent/runner/server_blobs.hpp"

#include "agent/backoff.hpp"
#include "platform/failpoint.hpp"

#include <chrono>
#include <thread>

namespace sluice::agent {

namespace {

/// As for the outcome: an outage only delays.
constexpr std::chrono::hours k_patience{25};
constexpr int k_damaged_max = 3;

}  // namespace

template <class Call>
auto ServerBlobs::patiently(Call call) {
    Backoff backoff;
    const auto until = std::chrono::steady_clock::now() + k_patience;
    for (int damaged = 0;;) {
        auto answer = call();
        if (answer || interrupted_) return answer;
        const Error& refusal = answer.error();
        // Bytes that changed on the way, and a place that the server lost: again from what it has.
        const bool again = (refusal.id == "digest_mismatch" || refusal.id == "offset_mismatch") &&
                           ++damaged < k_damaged_max;
        if (!again && !is_transient(refusal)) return answer;
        // Our own disk: the job says so and is tried again. The server's is waited for (503).
        if (refusal.id == "disk_full" && refusal.code == Code::io) return answer;
        if (std::chrono::steady_clock::now() > until) return answer;
        std::this_thread::sleep_for(backoff.next());
    }
}

Result<> ServerBlobs::put(const protocol::Blob& blob, const files::Path& file) {
    return patiently([&]() -> Result<> {
        SLUICE_TRY(const BlobState state, api_.blob_state(blob));
        if (state.known) return {};
        failpoint::hit("runner.upload", "before");
        auto sent = api_.put_blob(blob, state.offset <= blob.stored ? state.offset : 0, file);
        failpoint::hit("runner.upload", "after");
        return sent;
    });
}

Result<protocol::InputReply> ServerBlobs::input(const std::string& name) {
    return patiently([&] { return api_.input(name); });
}

Result<> ServerBlobs::fetch_input(const std::string& name, const protocol::Blob& blob,
                                  const files::Path& to) {
    const std::string call = "inputs/" + http_client::percent_encode(name) + "/" + blob.sha256;
    return patiently([&] { return api_.get_blob(call, blob, to); });
}

Result<protocol::CacheReply> ServerBlobs::cache(const protocol::CacheRequest& request) {
    return patiently([&] { return api_.cache(request); });
}

Result<> ServerBlobs::fetch_cache(const protocol::CacheReply& cache, const protocol::Blob& blob,
                                  const files::Path& to) {
    const std::string call = "cache/" + std::to_string(cache.pack) + "/" + blob.sha256;
    return patiently([&] { return api_.get_blob(call, blob, to); });
}

Result<protocol::MemoReply> ServerBlobs::memo(const protocol::MemoRequest& request) {
    return patiently([&] { return api_.memo(request); });
}

void ServerBlobs::interrupt() {
    interrupted_ = true;
    api_.interrupt();
}

void ServerBlobs::resume() {
    interrupted_ = false;
    api_.resume();
}

}  // namespace sluice::agent
